# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Patience and limits of judging and healing, with their defaults. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._common.values import number, words

# The variables of the playbooks are celery_health_<name>.
HEALTH = {
    "samples": 2,
    "interval": 5,
    "timeout": 20,
    "start_grace": 60,
    "stall_after": 15,
    # Seconds that a lost connection may take to come back: Celery waits up to 30 s between attempts.
    "reconnect_grace": 60,
    # Seconds that a hard limit may take to be enforced.
    "overrun_grace": 10,
    # Restarts by the service manager that count as a loop.
    "max_restarts": 3,
    "max_queue": 1000,
    "max_failures": 10,
    "max_clock_drift": 15,
    "max_orphan_keys": 100,
    # Percent of a file system that has to be free, of space and of inodes.
    "min_disk_free": 3,
    # Verdicts, reasons and severities that make a run fail.
    "fail_on": ("stuck", "down", "broker_unreachable", "broker_refusing", "probe_failed", "error"),
}

# The variables of the playbooks are celery_heal_<name>.
HEAL = {
    "verdicts": ("stuck", "down"),
    "max_fraction": 0.34,
    "cooldown": 300,
}


def policy(values=None):
    """Return the policy with these values laid over the defaults: ``{stall_after: 15, heal_cooldown: 300, ...}``.

    Numbers may arrive as text, and lists as words with commas between them.

    :raises ValueError: there is no such name, or the value is none of its kind.
    """
    result = dict(HEALTH, **{"heal_" + name: value for name, value in HEAL.items()})
    for name, value in (values or {}).items():
        if name not in result:
            raise ValueError("the policy has no {0}; it has {1}".format(name, ", ".join(sorted(result))))
        read, expected = (words, "a list") if isinstance(result[name], tuple) else (number, "a number")
        result[name] = read(value)
        if result[name] is None:
            raise ValueError("the policy has {0}: {1!r}; expected {2}".format(name, value, expected))
    return result
