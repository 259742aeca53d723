# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action taskfleet.celery.celery_preflight: judges variables on the controller, changes nothing."""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight import registry
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.names import Vocabulary

ROLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "roles")

# The role that has the variables of the playbooks, and how most of these begin. An inventory may have a celery_queue_x.
PLAYBOOKS = "celery"
PREFIXES = ("celery_canary_", "celery_diagnose_", "celery_purge_", "celery_rolling_", "celery_scale_")


def argument_spec() -> dict[str, Any]:
    """Return the argument spec: the facts of every topic."""
    topics = {name: {"type": "dict", "options": registry.load(name).facts} for name in registry.TOPICS}
    return {"checks": {"type": "dict", "default": {}, "options": topics}}


def vocabulary(loader: Any, roles: list[str], directory: str = ROLES) -> Vocabulary:
    """Return the names of the collection: documented variables of its roles, and those of vars/main.yml that they give to others.

    Whose names are looked at, ``roles`` says; those of the others are known all the same, and are no misspelling.
    """
    options: dict[str, Any] = {}
    others: set[str] = set()
    all_roles = sorted(os.listdir(directory))
    looked_at = roles or all_roles
    for role in all_roles:
        specification = _load(loader, os.path.join(directory, role, "meta", "argument_specs.yml"))
        for entry in (specification.get("argument_specs") or {}).values():
            options.update(entry.get("options") or {})
        others.update(_load(loader, os.path.join(directory, role, "vars", "main.yml")))
    prefixes = {f"{role}_": role for role in looked_at if role != PLAYBOOKS}
    if PLAYBOOKS in looked_at:
        prefixes.update(dict.fromkeys(PREFIXES, PLAYBOOKS))
    return Vocabulary(options, frozenset(others), prefixes)


def _load(loader: Any, path: str) -> dict[str, Any]:
    return (loader.load_from_file(path) or {}) if loader.path_exists(path) else {}


class ActionModule(ActionBase):
    """Refuse what cannot work, before anything is changed."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Judge the facts of every topic, and answer with every problem at once."""
        result = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(argument_spec())
        problems = []
        for name, facts in arguments["checks"].items():
            if facts is not None:
                found = self._names(facts, task_vars or {}) if name == "names" else {}
                problems += registry.load(name).check({**facts, **found})
        refusals = registry.refusals(problems)
        result.update(
            changed=False,
            problems=[problem.as_dict() for problem in problems],
            warnings=[problem.as_sentence() for problem in registry.warnings(problems)],
        )
        if refusals:
            result.update(failed=True, msg=registry.message(refusals))
        return result

    def _names(self, facts: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return what the topic names judges beside its facts."""
        words = vocabulary(self._loader, facts["roles"])
        hosts = {host: task_vars["hostvars"][host] for host in facts["hosts"]}
        hosts = hosts or {task_vars.get("inventory_hostname", "this host"): task_vars}
        return {
            "vocabulary": words,
            "given": set(load_extra_vars(self._loader)),
            "groups": task_vars["groups"] if facts["hosts"] else {},
            "inventory": {host: self._shapes(variables, words) for host, variables in hosts.items()},
        }

    def _shapes(self, variables: Any, words: Vocabulary) -> dict[str, Any]:
        return {str(name): self._shape(variables, name) if words.keys(name) else None for name in variables}

    def _shape(self, variables: Any, name: str) -> Any:
        """Return what a variable is made of. What is no value yet is judged by the role that needs it."""
        try:
            return _plain(self._templar.template(variables[name]))
        except AnsibleError:
            return None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(held) for key, held in value.items()}
    return [_plain(held) for held in value] if isinstance(value, (list, tuple)) else value
