# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter taskfleet.celery.celery_timeouts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.limits import resolve


def celery_timeouts(value: Any) -> dict[str, int]:
    """Return the four limits that value stands for."""
    try:
        return resolve(value)
    except ValueError as error:
        raise AnsibleFilterError(f"celery_timeouts: {error}") from error


class FilterModule:
    """Filters of the collection that have to do with timeouts."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"celery_timeouts": celery_timeouts}
