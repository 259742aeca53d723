# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters of the playbook canary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._act.canary import canary_problems, canary_report


class FilterModule:
    """Filters that say what came of canaries."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"celery_canary_report": canary_report, "celery_canary_problems": canary_problems}
