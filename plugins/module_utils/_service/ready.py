# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waits until a service is ready, by its own heartbeat, where the service manager only knows that its process runs.

Private to the collection.
"""

from __future__ import annotations

import json
import time

from ansible_collections.taskfleet.celery.plugins.module_utils._common.bounded import bounded
from ansible_collections.taskfleet.celery.plugins.module_utils._service.errors import ServiceError
from ansible_collections.taskfleet.celery.plugins.module_utils._service.steps import RUNNING

LARGEST = 1 << 20
POLL = 0.5


def wait_ready(manager, name, path, seconds):
    """Wait until the sentinel of the process that runs says that it was ready, or that it stands aside.

    :raises ServiceError: it does not say so within the time.
    """
    ends = time.monotonic() + seconds
    while True:
        heartbeat = _heartbeat(path)
        status = manager.status([name]).get(name, {"active": "inactive", "main_pid": 0})
        if status["active"] not in RUNNING:
            raise ServiceError("{0} is {1} after its start, expected active".format(name, status["active"]))
        pid = status["main_pid"]
        is_own = pid and heartbeat.get("pid") == pid
        if is_own and (heartbeat.get("ready_at") is not None or "sentinel" in heartbeat):
            return
        if time.monotonic() >= ends:
            state = ", its sentinel says {0}".format(heartbeat.get("state")) if is_own else ""
            raise ServiceError("{0} is not ready within {1} s after its start{2}".format(name, seconds, state))
        time.sleep(POLL)


def _heartbeat(path):
    try:
        heartbeat = json.loads(bounded(path, LARGEST).decode("utf-8"))
    except (OSError, ValueError):
        # It is not there yet.
        return {}
    return heartbeat if isinstance(heartbeat, dict) else {}
