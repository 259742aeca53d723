# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action taskfleet.celery.celery_host_info: runs the module, and compares its clock with the controller's."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase


def offset(sent: float, began: float, ended: float, returned: float) -> tuple[float, float]:
    """Return how far the host's clock is ahead, and by how much that can be wrong at most.

    The look began after it was sent and ended before it returned, so the offset is between ended - returned and
    began - sent, whatever the way there and back took.
    """
    low, high = ended - returned, began - sent
    return round((low + high) / 2, 3), round(abs(high - low) / 2, 3)


class ActionModule(ActionBase):
    """Gather the evidence."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, and state the offset of its clock."""
        result = super().run(tmp, task_vars)
        sent = time.time()
        result.update(
            self._execute_module(
                "taskfleet.celery.celery_host_info",
                task_vars=task_vars,
                wrap_async=self._task.async_val and not self._connection.has_native_async,
            )
        )
        returned = time.time()
        clocks = [
            sample["clock"] for sample in result.get("samples") or [result] if isinstance(sample.get("clock"), dict)
        ]
        for clock in clocks:
            # The looks of one call follow each other, so what bounds all bounds each.
            bounds = offset(sent, clocks[0]["began_at"], clocks[-1]["ended_at"], returned)
            clock["offset"], clock["uncertainty"] = bounds
        return result
