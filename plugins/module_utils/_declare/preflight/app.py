# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Preflight: what the application is called, where it comes from, which broker it has."""

from __future__ import annotations

import os
import posixpath
import re
import shlex
from typing import Any, Callable

from ansible_collections.taskfleet.celery.plugins.module_utils._common.values import value_in_words
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.limits import ENVIRONMENT as LIMITS_ENVIRONMENT
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.celery_command import command_problems
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import (
    AMQP_SCHEMES,
    REDIS_SCHEMES,
    Problem,
    environment_problems,
    listing,
    refuse,
    scheme,
    url_problems,
)

# The keys that a source of each type must have.
SOURCES = {
    "none": (),
    "path": ("path",),
    "git": ("repo",),
    "archive": ("src",),
    "pip": ("requirement",),
}

BROKER_SCHEMES = (*REDIS_SCHEMES, *AMQP_SCHEMES)

RESERVED_ENVIRONMENT = {
    "CELERY_BROKER_URL": "celery_app_broker_url",
    "CELERY_RESULT_BACKEND": "celery_app_result_backend",
    **dict.fromkeys(LIMITS_ENVIRONMENT, "celery_app_timeouts"),
    "PYTHONPATH": "celery_app_pythonpath",
    "TASKFLEET_SERVICE": "",
    "TASKFLEET_CONFIG": "",
}

FACTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "module": {"type": "str", "required": True},
    "command": {"type": "str", "default": ""},
    "scope": {"type": "str", "default": "system"},
    "home": {"type": "str", "default": ""},
    "service_manager": {"type": "str", "default": "systemd"},
    "source": {"type": "raw", "required": True},
    "broker_url": {"type": "str", "required": True, "no_log": True},
    "result_backend": {"type": "str", "default": "", "no_log": True},
    "environment": {"type": "raw", "default": {}},
}


def check_app(
    facts: dict[str, Any],
    is_directory: Callable[[str], bool] = os.path.isdir,
    is_file: Callable[[str], bool] = os.path.isfile,
) -> list[Problem]:
    """Refuse an application that cannot be installed as it is described."""
    return [
        *_names(facts),
        *_command(facts["command"]),
        *_scope(facts),
        *_source(facts["source"], is_directory, is_file),
        *_broker(facts["broker_url"]),
        *url_problems("celery_app_broker_url", facts["broker_url"], is_list=True),
        *url_problems(
            "celery_app_result_backend", facts["result_backend"], is_list=scheme(facts["result_backend"]) == "sentinel"
        ),
        *environment_problems("celery_app_environment", facts["environment"], RESERVED_ENVIRONMENT),
        *command_problems("celery_app_environment", facts["environment"], _declared(facts)),
    ]


def _declared(facts: dict[str, Any]) -> dict[str, str]:
    """Return what the celery command is told by the collection, or by the name that the proof sees too."""
    environment = facts["environment"] if isinstance(facts["environment"], dict) else {}
    declared = {f"celery_app_{key}": facts[key] for key in ("module", "broker_url", "result_backend") if facts[key]}
    for name in ("CELERY_LOADER", "CELERY_CONFIG_MODULE"):
        if name in environment:
            declared[f"{name} in celery_app_environment"] = str(environment[name])
    return declared


def _names(facts: dict[str, Any]) -> list[Problem]:
    """`celery_app_name` is part of units and paths, and `celery_app_module` is what `celery -A` takes."""
    problems = []
    if not re.match(r"[a-z][a-z0-9_-]*\Z", facts["name"]):
        problems.append(
            refuse(
                "celery_app_name",
                repr(facts["name"]),
                "a lower-case letter, then lower-case letters, digits, _ or -",
                "choose a name that can be part of a unit's and a file's name, for example shop",
            )
        )
    if not re.match(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[A-Za-z_]\w*)?\Z", facts["module"]):
        problems.append(
            refuse(
                "celery_app_module",
                repr(facts["module"]),
                "what celery -A takes: a module, or module:attribute",
                "name the Python module that holds the Celery application, for example shop.celery",
            )
        )
    return problems


def _command(command: str) -> list[Problem]:
    """`celery_app_command` hands its arguments to Celery, and ends in the word `celery`."""
    variable = "celery_app_command"
    try:
        words = shlex.split(command)
    except ValueError as error:
        return [refuse(variable, f"{command!r}: {error}", "words as a shell reads them", "close the quote")]
    if words and posixpath.basename(words[0]) == "airflow":
        return [
            refuse(
                variable,
                repr(command),
                "a command that hands its arguments to Celery: that of Airflow knows few of a worker's options",
                "take celery_app_command out, and set celery_app_module to"
                " airflow.providers.celery.executors.celery_executor.app; the log server of Airflow's own command is then"
                " replaced by its remote logging",
            )
        ]
    if words and (len(words) < 2 or words[-1] != "celery"):
        return [
            refuse(
                variable,
                repr(command),
                "the application's program and then celery, as in nautobot-server celery: by this word its processes are known",
                "write what you type before the word worker; leave it empty where that is celery alone",
            )
        ]
    return []


def _scope(facts: dict[str, Any]) -> list[Problem]:
    """`celery_app_scope` and `celery_app_service_manager` fit each other; the scope `user` has an absolute
    `celery_app_home`.
    """
    problems = []
    for key, allowed in (("scope", ("system", "user")), ("service_manager", ("systemd", "supervisor"))):
        if facts[key] not in allowed:
            problems.append(
                refuse(
                    f"celery_app_{key}",
                    repr(facts[key]),
                    listing(allowed).replace(" and ", " or "),
                    "choose one of them",
                )
            )
    if facts["scope"] != "user":
        return problems
    if not os.path.isabs(facts["home"]):
        problems.append(
            refuse(
                "celery_app_home",
                repr(facts["home"]),
                "an absolute path, because celery_app_scope is user",
                "set celery_app_home to a directory of the connecting user, for example /home/me/shop",
            )
        )
    if facts["service_manager"] == "systemd":
        problems.append(
            refuse(
                "celery_app_service_manager",
                "systemd, with celery_app_scope user",
                "supervisor, because a user cannot write system units",
                "set celery_app_service_manager to supervisor, or celery_app_scope to system",
            )
        )
    return problems


def _source(source: Any, is_directory: Callable[[str], bool], is_file: Callable[[str], bool]) -> list[Problem]:
    """`celery_app_source` has a known type, and the keys that this type needs."""
    variable = "celery_app_source"
    kind = source.get("type") if isinstance(source, dict) else None
    if not isinstance(source, dict) or kind not in SOURCES:
        return [
            refuse(
                variable,
                f"type {value_in_words(kind)}" if isinstance(source, dict) else value_in_words(source),
                f"a dict whose type is one of {listing(SOURCES)}",
                "for example {type: path, path: /srv/shop}; {type: none} if something else installs the code",
            )
        ]
    missing = [key for key in SOURCES[kind] if not source.get(key)]
    if missing:
        return [
            refuse(
                f"{variable}.{key}",
                "not set",
                f"set, because {variable}.type is {kind}",
                f"add {key} to {variable}",
            )
            for key in missing
        ]
    if kind == "path":
        return _on_controller(f"{variable}.path", source["path"], "a directory", is_directory)
    if kind == "archive" and "://" not in str(source["src"]):
        return _on_controller(f"{variable}.src", source["src"], "a URL, or a file", is_file)
    return []


def _on_controller(variable: str, path: Any, what: str, exists: Callable[[str], bool]) -> list[Problem]:
    """A path of `celery_app_source` is absolute, and there on the controller."""
    path = os.path.expanduser(str(path))
    if not os.path.isabs(path):
        return [
            refuse(
                variable,
                path,
                "an absolute path on the controller",
                "begin it with {{ inventory_dir }} or {{ playbook_dir }}: a relative path depends on who looks for it",
            )
        ]
    if not exists(path):
        return [
            refuse(
                variable,
                f"{path}, which is not there",
                f"{what} on the controller, where Ansible runs",
                "correct the path, or put the code there first",
            )
        ]
    return []


def _broker(url: str) -> list[Problem]:
    """`celery_app_broker_url` has the scheme of a broker that is supported."""
    found = scheme(url)
    if found in BROKER_SCHEMES and url.partition("://")[2]:
        return []
    return [
        refuse(
            "celery_app_broker_url",
            f"the scheme {found!r}" if found else ("no scheme" if url else "not set"),
            f"a URL whose scheme is one of {listing(BROKER_SCHEMES)}",
            "write scheme://user:password@host:port/number, for example redis://:PASSWORD@10.0.0.5:6379/0",
        )
    ]
