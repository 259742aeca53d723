# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters of the playbook scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._act.scale import (
    scale_problems,
    scale_report,
    scale_steps,
)


class FilterModule:
    """Filters that bring pools to a size."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "celery_scale_steps": scale_steps,
            "celery_scale_report": scale_report,
            "celery_scale_problems": scale_problems,
        }
