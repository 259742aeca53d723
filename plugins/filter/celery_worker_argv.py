# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible.errors import AnsibleFilterError
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.worker_command import worker_argv


def celery_worker_argv(instance, **facts):
    """Arguments of one worker, from an element of ``celery_worker_instances``."""
    try:
        return worker_argv(instance, **facts)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Command lines of workers."""

    def filters(self):
        """Name every filter of this file."""
        return {"celery_worker_argv": celery_worker_argv}
