# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action taskfleet.celery.celery_fleet_health: has the module ask, and judges on the controller.

What was seen of a fleet may be megabytes. It is read here once, and is neither sent to a host nor kept in a variable.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import action_loader
from ansible_collections.taskfleet.celery.plugins.module_utils._act.outcomes import work
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.policy import policy
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.conclusion import refuse_unknown
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.fleet_health import arguments, given, judged
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.verification import unverified

# What the module takes; the rest is for judging.
ASKED = ("broker_url", "expected", "elsewhere", "queues", "policy", "timeout")
CONNECTION = (
    "celery_python",
    "celery_command",
    "app",
    "chdir",
    "pythonpath",
    "environment_file",
    "environment",
    "user",
    "group",
)


class ActionModule(ActionBase):
    """Ask, join, judge."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the report, and write what was given and the evidence where they are asked for."""
        result = super().run(tmp, task_vars)
        _validation, params = self.validate_argument_spec(arguments(), required_one_of=[("app", "broker_url")])
        _refuse_policy(params["policy"])
        question = {name: params[name] for name in (*CONNECTION, *ASKED) if params[name] is not None}
        looks = self._looks(params, task_vars or {})
        asked = self._execute_module("taskfleet.celery.celery_fleet_health", question, task_vars=task_vars)
        case = given(params, asked, looks, time.time())
        self._keep(params["given_file"], case)
        examined = judged(**case)
        evidence = examined.pop("evidence")
        self._keep(params["evidence_file"], evidence)
        if params["return_evidence"]:
            result["evidence"] = evidence
        result["unverified"] = unverified(examined["report"], params["expected"])
        result.update(examined, changed=False, work=work(examined["report"], evidence))
        result["asked"] = not examined["problem"]
        result.update({name: asked.get(name) for name in ("app_output_tail", "elapsed")})
        result["visibility_timeout"] = evidence["broker"]["facts"]["visibility_timeout"]
        return result

    def _keep(self, path: str | None, data: dict[str, Any]) -> None:
        """Write it to the file, where one is named."""
        if path and not self._task.check_mode:
            _write(path, data)

    def _looks(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return by host what is known of it: from a look that is taken now, or from one that was registered."""
        if params["look"] is not None:
            looked = self._task.copy()
            looked.args = params["look"]
            return {params["host"]: self._action("taskfleet.celery.celery_host_info", looked).run(task_vars=task_vars)}
        if params["host_evidence"]:
            return params["host_evidence"]
        # A result holds no templates, and to look for some in those of a whole fleet would take longer than to judge it.
        return {host: task_vars["hostvars"].raw_get(host).get(params["registered"]) or [] for host in params["hosts"]}

    def _action(self, name: str, task: Any) -> ActionBase:
        """Return another action of the collection, on the same host."""
        return action_loader.get(
            name,
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )


def _refuse_policy(given: dict[str, Any]) -> None:
    try:
        complete = policy(given)
        refuse_unknown(complete["fail_on"])
    except ValueError as error:
        raise AnsibleActionFail(str(error)) from error
    if complete["samples"] < 2:
        raise AnsibleActionFail(f"policy has samples: {complete['samples']}; a verdict needs at least 2")


def _write(path: str, data: dict[str, Any]) -> None:
    """Replace the file at once, readable for its owner and group."""
    directory = os.path.dirname(os.path.abspath(path))
    os.makedirs(directory, mode=0o750, exist_ok=True)
    number, part = tempfile.mkstemp(dir=directory)
    with os.fdopen(number, "w", encoding="utf-8") as stream:
        json.dump(data, stream, indent=1)
    os.chmod(part, 0o640)
    os.replace(part, path)
