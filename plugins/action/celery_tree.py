# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action taskfleet.celery.celery_tree: sends the files that differ in one archive."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.taskfleet.celery.plugins.module_utils._common import tree

MODULE = "taskfleet.celery.celery_tree"


class ActionModule(ActionBase):
    """Compare by content, then send once."""

    TRANSFERS_FILES = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the host what differs, and send that."""
        result = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(
            {
                "src": {"type": "path", "required": True},
                "dest": {"type": "path", "required": True},
                "owner": {"type": "str"},
                "group": {"type": "str"},
            }
        )
        try:
            arguments["wanted"] = tree.scan(arguments["src"])
        except (tree.TreeError, OSError) as error:
            raise AnsibleActionFail(f"src: {error}") from error
        answer = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars)
        if answer.get("written") and not self._task.check_mode and not answer.get("failed"):
            answer = self._send(arguments, answer["written"], task_vars)
        result.update(answer)
        return result

    def _send(self, arguments: dict[str, Any], paths: list[str], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        handle, local = tempfile.mkstemp(suffix=".tar.gz")
        os.close(handle)
        folder = self._make_tmp_path()
        try:
            tree.pack(arguments["src"], paths, local)
            archive = self._transfer_file(local, self._connection._shell.join_path(folder, "tree.tar.gz"))
            self._fixup_perms2((folder, archive))
            return self._execute_module(
                module_name=MODULE, module_args=dict(arguments, archive=archive), task_vars=task_vars
            )
        finally:
            os.unlink(local)
            self._remove_tmp_path(folder)
