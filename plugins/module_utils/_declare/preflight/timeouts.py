# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Preflight: operation < soft < hard < stop, and on Redis hard < visibility timeout."""

from __future__ import annotations

from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.limits import STEPS, resolve
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import (
    Problem,
    is_redis,
    refuse,
)

# What kombu's Redis transport uses when the application says nothing.
VISIBILITY_TIMEOUT = 3600

FACTS: dict[str, Any] = {
    "variable": {"type": "str", "default": "celery_app_timeouts"},
    "value": {"type": "raw", "required": True},
    "min_gap": {"type": "int", "default": 30},
    "broker_url": {"type": "str", "no_log": True},
    "visibility_timeout": {"type": "int", "default": VISIBILITY_TIMEOUT},
}


def check_timeouts(facts: dict[str, Any]) -> list[Problem]:
    """`celery_app_timeouts` is a preset, or all four limits in seconds."""
    return limit_problems(facts["variable"], facts["value"], facts)


def limit_problems(variable: str, value: Any, facts: dict[str, Any]) -> list[Problem]:
    """Judge the limits of an application or of an instance; see FACTS for min_gap, broker_url and visibility_timeout."""
    try:
        limits = resolve(value)
    except ValueError as error:
        actual, _separator, expected = str(error).partition("; expected ")
        return [
            refuse(
                variable,
                actual,
                expected,
                f"set {variable} to a preset, to none where the application sets its own, or to all four, for example"
                " {operation: 120, soft: 180, hard: 240, stop: 300}",
            )
        ]
    problems = _order(variable, limits, facts["min_gap"])
    return problems + (_visibility(variable, limits["hard"], facts) if "hard" in limits else [])


def _order(variable: str, limits: dict[str, int], min_gap: int) -> list[Problem]:
    """operation < soft < hard < stop, with `celery_app_timeouts_min_gap` seconds between them."""
    problems = []
    steps = [step for step in STEPS if step in limits]
    for earlier, later in zip(steps, steps[1:]):
        gap = limits[later] - limits[earlier]
        if gap <= 0 or gap < min_gap:
            problems.append(
                refuse(
                    f"{variable}.{later}",
                    f"{earlier} {limits[earlier]} s, {later} {limits[later]} s",
                    f"{earlier} < {later}, at least {max(min_gap, 1)} s apart",
                    f"raise {later} to {limits[earlier] + max(min_gap, 1)} s or more, or lower {earlier}",
                )
            )
    return problems


def _visibility(variable: str, hard: int, facts: dict[str, Any]) -> list[Problem]:
    """On Redis, the hard limit is below `celery_app_visibility_timeout`."""
    visibility = facts["visibility_timeout"]
    if not is_redis(facts.get("broker_url")) or hard < visibility:
        return []
    return [
        refuse(
            f"{variable}.hard",
            f"hard {hard} s, visibility_timeout {visibility} s",
            "hard < visibility_timeout: later, Redis gives a running task to a second worker",
            f"lower hard below {visibility} s, or raise visibility_timeout in the application's"
            f" broker_transport_options above {hard} s, and set celery_app_visibility_timeout to the same",
            "https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html#visibility-timeout",
        )
    ]
