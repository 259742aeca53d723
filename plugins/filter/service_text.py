# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._service import text
from ansible_collections.taskfleet.celery.plugins.plugin_utils._filters import as_filter


class FilterModule:
    """Texts of service files."""

    def filters(self):
        """Name every filter of this file."""
        return {
            "env_file": as_filter(text.env_file),
            "systemd_command": as_filter(text.systemd_command),
            "supervisor_command": as_filter(text.supervisor_command),
        }
