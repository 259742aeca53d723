# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action taskfleet.celery.celery_declared: reads the inventory once for a whole play, changes nothing."""

from __future__ import annotations

import itertools
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.application import (
    VARIABLES,
    DeclarationError,
    applications,
)

# By argument the group whose hosts are meant where nothing is said.
PLACES = {"workers": "celery_workers", "beat": "celery_beat", "flower": "celery_flower"}
ARGUMENTS = dict({name: {"type": "list", "elements": "str"} for name in PLACES}, app={"type": "str"})


class ActionModule(ActionBase):
    """Report what the inventory declares."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the applications of the hosts."""
        result = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(ARGUMENTS)
        variables = task_vars or {}
        groups = variables["groups"]
        places = {
            name: groups.get(group, []) if arguments[name] is None else arguments[name]
            for name, group in PLACES.items()
        }
        hosts = {host: _read(variables["hostvars"][host]) for host in dict.fromkeys(itertools.chain(*places.values()))}
        try:
            result.update(changed=False, applications=applications(hosts, places, arguments["app"]))
        except DeclarationError as error:
            result.update(failed=True, msg=str(error))
        return result


def _read(variables: Any) -> dict[str, Any]:
    """Return the variables of a host that a declaration is made from."""
    return {name: variables[name] for name in VARIABLES if name in variables}
