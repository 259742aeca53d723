# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action taskfleet.celery.celery_preflight: judges variables on the controller, changes nothing."""

from __future__ import annotations

import difflib
import os
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight import registry


def argument_spec() -> dict[str, Any]:
    """Return the argument spec: the facts of every topic, and what known takes."""
    topics = {name: {"type": "dict", "options": registry.load(name).facts} for name in registry.TOPICS}
    known = {"prefix": {"type": "str", "required": True}, "spec": {"type": "path", "required": True}}
    return {
        "checks": {"type": "dict", "default": {}, "options": topics},
        "known": {"type": "dict", "options": known},
    }


def unknown_variables(prefix: str, known: set[str], names: Any) -> list[registry.Problem]:
    """Warn about the variables that look like the role's own and are not."""
    problems = []
    for name in sorted(names):
        if not name.startswith(f"{prefix}_") or name in known:
            continue
        close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.8)
        problems.append(
            registry.warn(
                name,
                f"set, but the role {prefix} has no variable of this name",
                f"{close[0]}" if close else f"a variable of the role {prefix}, as its README lists them",
                f"rename it to {close[0]}" if close else "take it out, or correct its name",
            )
        )
    return problems


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
        problems = self._unknown(arguments["known"], task_vars or {})
        for name, facts in arguments["checks"].items():
            if facts is not None:
                problems += registry.load(name).check(facts)
        refusals = registry.refusals(problems)
        result.update(
            changed=False,
            problems=[problem.as_dict() for problem in problems],
            warnings=[problem.as_sentence() for problem in registry.warnings(problems)],
        )
        if refusals:
            result.update(failed=True, msg=registry.message(refusals))
        return result

    def _unknown(self, known: dict[str, Any] | None, task_vars: dict[str, Any]) -> list[registry.Problem]:
        if not known:
            return []
        spec = self._loader.load_from_file(known["spec"])
        entry_points = spec.get("argument_specs") if isinstance(spec, dict) else None
        if not isinstance(entry_points, dict):
            raise AnsibleActionFail(
                f"known.spec: {known['spec']} has no argument_specs. Expected: a role's meta/argument_specs.yml."
            )
        options = {name for entry in entry_points.values() for name in (entry.get("options") or {})}
        return unknown_variables(known["prefix"], options | self._given(known["spec"]), task_vars)

    def _given(self, spec: str) -> set[str]:
        """Return the names of the variables that the role itself gives to others."""
        path = os.path.join(os.path.dirname(os.path.dirname(spec)), "vars", "main.yml")
        return set(self._loader.load_from_file(path)) if self._loader.path_exists(path) else set()
