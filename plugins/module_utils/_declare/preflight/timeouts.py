# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Preflight: operation < soft < hard < stop, and on Redis hard < visibility timeout.

PRESETS is the only place that holds the presets.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._common.values import integer, value_in_words
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import (
    Problem,
    is_redis,
    listing,
    refuse,
)

STEPS = ("operation", "soft", "hard", "stop")

PRESETS = {
    "default": {"operation": 120, "soft": 180, "hard": 240, "stop": 300},
    "slow": {"operation": 240, "soft": 300, "hard": 360, "stop": 420},
    "fast": {"operation": 90, "soft": 120, "hard": 150, "stop": 210},
}

# What kombu's Redis transport uses when the application says nothing.
VISIBILITY_TIMEOUT = 3600

FACTS: dict[str, Any] = {
    "variable": {"type": "str", "default": "celery_app_timeouts"},
    "value": {"type": "raw", "required": True},
    "min_gap": {"type": "int", "default": 30},
    "broker_url": {"type": "str", "no_log": True},
    "visibility_timeout": {"type": "int", "default": VISIBILITY_TIMEOUT},
}


def resolve(value: Any, presets: dict[str, dict[str, int]] | None = None) -> dict[str, int]:
    """Return the four limits in seconds. Raise ValueError for what is neither a preset nor four numbers."""
    presets = PRESETS if presets is None else presets
    if isinstance(value, str):
        if value not in presets:
            raise ValueError(
                f"the preset {value!r}; expected one of {listing(sorted(presets))}, or a dict of {listing(STEPS)}"
            )
        return dict(presets[value])
    if not isinstance(value, dict):
        raise ValueError(
            f"{value_in_words(value)}; expected one of {listing(sorted(presets))}, or a dict of {listing(STEPS)}"
        )
    missing = [step for step in STEPS if step not in value]
    if missing:
        raise ValueError(f"no {listing(missing)}; expected all of {listing(STEPS)}")
    unknown = sorted(str(key) for key in value if key not in STEPS)
    if unknown:
        raise ValueError(f"the unknown {listing(unknown)}; expected only {listing(STEPS)}")
    resolved = {step: integer(value[step]) for step in STEPS}
    wrong = [f"{step}: {value[step]!r}" for step in STEPS if (resolved[step] or 0) < 1]
    if wrong:
        raise ValueError(f"{listing(wrong)}; expected whole seconds, 1 or more")
    return {step: seconds for step, seconds in resolved.items() if seconds is not None}


def check_timeouts(facts: dict[str, Any]) -> list[Problem]:
    """`celery_app_timeouts` is a preset, or all four limits in seconds."""
    variable = facts["variable"]
    try:
        limits = resolve(facts["value"])
    except ValueError as error:
        actual, _separator, expected = str(error).partition("; expected ")
        return [
            refuse(
                variable,
                actual,
                expected,
                f"set {variable} to a preset, or to all four, for example"
                " {operation: 120, soft: 180, hard: 240, stop: 300}",
            )
        ]
    return _order(variable, limits, facts["min_gap"]) + _visibility(variable, limits["hard"], facts)


def _order(variable: str, limits: dict[str, int], min_gap: int) -> list[Problem]:
    """operation < soft < hard < stop, with `celery_app_timeouts_min_gap` seconds between them."""
    problems = []
    for earlier, later in zip(STEPS, STEPS[1:]):
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
            f" broker_transport_options above {hard} s",
            "https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html#visibility-timeout",
        )
    ]
