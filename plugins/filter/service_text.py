# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible.errors import AnsibleFilterError
from ansible_collections.taskfleet.celery.plugins.module_utils._service import text


def _as_filter(function):
    def filtered(value):
        try:
            return function(value)
        except ValueError as error:
            raise AnsibleFilterError(str(error)) from error

    return filtered


class FilterModule:
    """Texts of service files."""

    def filters(self):
        """Name every filter of this file."""
        return {
            "env_file": _as_filter(text.env_file),
            "systemd_command": _as_filter(text.systemd_command),
            "supervisor_command": _as_filter(text.supervisor_command),
        }
