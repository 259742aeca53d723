# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters of healing: what to do, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._act.outcomes import (
    awaited,
    heal_failure,
    heal_plan,
    lines,
    outcomes,
    record,
    rolling_plan,
    services,
    strays,
    taken,
    unproven,
    with_canaries,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._act.plan import to_prove
from ansible_collections.taskfleet.celery.plugins.module_utils._act.proof import proofs
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.examine import reached
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.report import app_of


class FilterModule:
    """Filters of the collection that have to do with healing."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "celery_heal_plan": heal_plan,
            "celery_heal_to_prove": to_prove,
            "celery_heal_proofs": proofs,
            "celery_heal_failure": heal_failure,
            "celery_heal_outcomes": outcomes,
            "celery_heal_services": services,
            "celery_heal_taken": taken,
            "celery_strays": strays,
            "celery_reached": reached,
            "celery_report_app": app_of,
            "celery_heal_awaited": awaited,
            "celery_heal_record": record,
            "celery_heal_lines": lines,
            "celery_heal_unproven": unproven,
            "celery_heal_with_canaries": with_canaries,
            "celery_rolling_plan": rolling_plan,
        }
