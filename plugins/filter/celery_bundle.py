# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters of the playbook diagnose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._observe.bundle import (
    gathered,
    secret_environments,
    speaker,
)


class FilterModule:
    """Filters that gather a support bundle."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "celery_gathered": gathered,
            "celery_secret_environments": secret_environments,
            "celery_speaker": speaker,
        }
