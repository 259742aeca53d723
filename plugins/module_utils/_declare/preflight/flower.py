# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Preflight: nobody but who should reaches Flower."""

from __future__ import annotations

import os
import re
from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._common.values import integer, type_in_words
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.app import RESERVED_ENVIRONMENT
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.celery_command import command_problems
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import (
    Problem,
    environment_problems,
    is_loopback,
    is_placeholder,
    is_redis,
    refuse,
    scheme,
    url_problems,
    warn,
)

FACTS: dict[str, Any] = {
    "basic_auth": {"type": "raw", "default": [], "no_log": True},
    "allow_unauthenticated": {"type": "bool", "default": False},
    "address": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "raw", "default": 5555},
    "url_prefix": {"type": "str", "default": ""},
    "persistent": {"type": "bool", "default": False},
    "db": {"type": "str", "default": ""},
    "max_tasks": {"type": "raw", "default": 100000},
    "broker_api": {"type": "str", "default": "", "no_log": True},
    "broker_url": {"type": "str", "default": "", "no_log": True},
    "environment": {"type": "raw", "default": {}, "no_log": True},
}


def check_flower(facts: dict[str, Any]) -> list[Problem]:
    """Refuse an open Flower, and options that Flower would misread."""
    return [
        *_access(facts),
        *_entries(facts["basic_auth"]),
        *_options(facts),
        *_broker_api(facts),
        *url_problems("celery_flower_broker_api", facts["broker_api"]),
        *environment_problems("celery_flower_environment", facts["environment"], RESERVED_ENVIRONMENT),
        *command_problems("celery_flower_environment", facts["environment"]),
    ]


def _access(facts: dict[str, Any]) -> list[Problem]:
    """Flower asks for a password, or was told that it need not; without one it listens on loopback."""
    if facts["basic_auth"]:
        return []
    if not facts["allow_unauthenticated"]:
        return [
            refuse(
                "celery_flower_basic_auth",
                "empty",
                "at least one user:password, because Flower can stop workers and shows every task's arguments",
                "add an entry from a vault, or set celery_flower_allow_unauthenticated to true",
            )
        ]
    if is_loopback(facts["address"]):
        return []
    return [
        warn(
            "celery_flower_address",
            f"{facts['address']}, with no password",
            "127.0.0.1, or a password: everyone who reaches this address can stop workers and read every task's arguments",
            "set celery_flower_basic_auth, or listen on 127.0.0.1 behind a proxy that asks for a password",
        )
    ]


def _entries(entries: Any) -> list[Problem]:
    """Each entry of `celery_flower_basic_auth` is `user:password`, without what Flower splits at, and no placeholder."""
    remedy = "write each entry as user:password, and keep the password in a vault"
    if isinstance(entries, str):
        entries = entries.split(",")
    if not isinstance(entries, (list, tuple)):
        expected = "a list of user:password, or one text, user:password,user:password"
        return [refuse("celery_flower_basic_auth", type_in_words(entries), expected, remedy)]
    problems = []
    for position, entry in enumerate(entries):
        where = f"celery_flower_basic_auth[{position}]"
        user, _colon, password = str(entry).partition(":")
        # The password itself is never part of a message.
        if not isinstance(entry, str) or not user or not password:
            problems.append(
                refuse(where, "not of the form user:password", "user:password, neither of them empty", remedy)
            )
        elif re.search(r"[,\s\0]", entry):
            problems.append(
                refuse(
                    where,
                    f"the entry of {user!r} has a comma or a space in it",
                    "no comma and no space: Flower splits its list of users there",
                    "choose another password or user name for this entry",
                )
            )
        elif is_placeholder(password):
            problems.append(
                refuse(where, f"the password of {user!r} is a placeholder", "a password of your own", remedy)
            )
    return problems


def _options(facts: dict[str, Any]) -> list[Problem]:
    """`celery_flower_port`, `celery_flower_max_tasks`, `celery_flower_url_prefix` and `celery_flower_db` are what
    Flower can use.
    """
    problems = []
    port = integer(facts["port"])
    if port is None or not 1 <= port <= 65535:
        problems.append(
            refuse(
                "celery_flower_port",
                repr(facts["port"]),
                "a number from 1 to 65535",
                "choose a free port, for example 5555",
            )
        )
    if (integer(facts["max_tasks"]) or 0) < 1:
        problems.append(
            refuse(
                "celery_flower_max_tasks",
                repr(facts["max_tasks"]),
                "a whole number, 1 or more",
                "leave the variable at its default",
            )
        )
    if not re.match(r"(/?[A-Za-z0-9._~-]+)*/?\Z", facts["url_prefix"]):
        problems.append(
            refuse(
                "celery_flower_url_prefix",
                repr(facts["url_prefix"]),
                "a path of letters, digits, . _ ~ - and /",
                "write what follows the host's name in the browser, for example flower",
            )
        )
    if facts["persistent"] and not os.path.isabs(facts["db"]):
        problems.append(
            refuse(
                "celery_flower_db",
                repr(facts["db"]),
                "an absolute path, because celery_flower_persistent is true",
                "leave the variable at its default, or name a file in a directory of the application's user",
            )
        )
    return problems


def _broker_api(facts: dict[str, Any]) -> list[Problem]:
    """`celery_flower_broker_api` is a URL of RabbitMQ's management API, and set for RabbitMQ only."""
    url = facts["broker_api"]
    if not url:
        return []
    if scheme(url) not in ("http", "https"):
        return [
            refuse(
                "celery_flower_broker_api",
                f"a URL with the scheme {scheme(url)!r}",
                "the http or https URL of RabbitMQ's management API",
                "for example http://USER:PASSWORD@10.0.0.5:15672/api/",
            )
        ]
    if is_redis(facts["broker_url"]):
        return [
            warn(
                "celery_flower_broker_api",
                "set, with a Redis broker",
                "empty: only RabbitMQ has a management API",
                "take celery_flower_broker_api out",
            )
        ]
    return []
