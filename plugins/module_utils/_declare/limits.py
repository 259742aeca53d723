# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a task, and a worker's stop, may take. Pure. Private to the collection.

PRESETS is the only place that holds the presets.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._common.values import (
    integer,
    listing,
    value_in_words,
)

STEPS = ("operation", "soft", "hard", "stop")

PRESETS = {
    "default": {"operation": 120, "soft": 180, "hard": 240, "stop": 300},
    "slow": {"operation": 240, "soft": 300, "hard": 360, "stop": 420},
    "fast": {"operation": 90, "soft": 120, "hard": 150, "stop": 210},
}

# The application sets the limits of its tasks itself; what remains is how long a stop may take.
NONE = "none"

# By variable of the environment the limit that the application's own code may read there.
ENVIRONMENT = {
    "ANSIBLE_PLAYBOOK_TIMEOUT": "operation",
    "CELERY_OPERATION_TIMEOUT": "operation",
    "CELERY_TASK_SOFT_TIME_LIMIT": "soft",
    "CELERY_TASK_HARD_TIME_LIMIT": "hard",
}

_EXPECTED = f"one of {listing(sorted(PRESETS))}, or {NONE}, or a dict of {listing(STEPS)}, or of stop alone"


def resolve(value: Any, stop: int = PRESETS["default"]["stop"]) -> dict[str, int]:
    """Return the limits in seconds: all of STEPS, or ``stop`` alone where the application sets the others.

    :param value: a preset, ``none``, a dict of all of STEPS, or one of ``stop`` alone.
    :param stop: what a stop may take with ``none``.
    :raises ValueError: it is none of these.
    """
    if value == NONE:
        return {"stop": stop}
    if isinstance(value, str) and value in PRESETS:
        return dict(PRESETS[value])
    if not isinstance(value, dict):
        shown = f"the preset {value!r}" if isinstance(value, str) else value_in_words(value)
        raise ValueError(f"{shown}; expected {_EXPECTED}")
    unknown = sorted(str(key) for key in value if key not in STEPS)
    if unknown:
        raise ValueError(f"the unknown {listing(unknown)}; expected only {listing(STEPS)}")
    steps = ("stop",) if set(value) == {"stop"} else STEPS
    missing = [step for step in steps if step not in value]
    if missing:
        raise ValueError(f"no {listing(missing)}; expected all of {listing(STEPS)}, or stop alone")
    seconds = {step: integer(value[step]) for step in steps}
    wrong = [f"{step}: {value[step]!r}" for step in steps if (seconds[step] or 0) < 1]
    if wrong:
        raise ValueError(f"{listing(wrong)}; expected whole seconds, 1 or more")
    return {step: found for step, found in seconds.items() if found is not None}


def limits_of(own: Any, of_app: Any) -> dict[str, int]:
    """Return the limits of an instance; ``own`` is None where it has those of the application.

    What is no set of limits counts as not said: preflight says what is wrong with it.
    """
    common = _resolved(of_app, PRESETS["default"], PRESETS["default"]["stop"])
    return common if own is None else _resolved(own, common, common["stop"])


def _resolved(value: Any, otherwise: dict[str, int], stop: int) -> dict[str, int]:
    try:
        return resolve(value, stop)
    except ValueError:
        return dict(otherwise)


def limit_environment(limits: dict[str, int]) -> dict[str, str]:
    """Return the variables under which the application's code finds the limits, of those that there are."""
    return {name: str(limits[step]) for name, step in ENVIRONMENT.items() if step in limits}
