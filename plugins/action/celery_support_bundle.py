# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action taskfleet.celery.celery_support_bundle: writes what was gathered into one archive on the controller."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import secrets_in
from ansible_collections.taskfleet.celery.plugins.module_utils._observe import bundle

ARGUMENTS = {
    "directory": {"type": "path", "required": True},
    "hosts": {"type": "dict", "required": True},
    "apps": {"type": "dict", "default": {}},
    # Not no_log: most of its values are words that ansible-core 2.22 would hide wherever the run prints them.
    "environments": {"type": "list", "elements": "dict", "default": []},
}


class ActionModule(ActionBase):
    """Mask, pack, write."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write the archive, and answer where it is."""
        result = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(ARGUMENTS)
        taken_at = datetime.now(tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        secrets = sorted({secret for environment in arguments["environments"] for secret in secrets_in(environment)})
        hosts = {name: parts or {} for name, parts in arguments["hosts"].items()}
        files = bundle.members(hosts, arguments["apps"], secrets, taken_at)
        directory = os.path.abspath(os.path.expanduser(arguments["directory"]))
        result.update(changed=True, archive=None, files=sorted(files), summary=files["summary.txt"].splitlines())
        if not self._task.check_mode:
            try:
                result["archive"] = bundle.write(directory, files)
            except OSError as error:
                raise AnsibleActionFail(f"directory: {directory} cannot be written to: {error}") from error
        return result
