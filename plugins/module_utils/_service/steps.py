# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which steps bring a set of services to their declared state. Pure."""

from __future__ import annotations

RUNNING = ("active", "activating", "reloading", "deactivating")
ORDER = ("remove", "stop", "restart", "start")


def plan_steps(desired, status, stale):
    """Steps still to take, in the order in which they must be taken.

    :param list desired: ``{name, state, digest, stop_timeout}``, state ``started`` or ``stopped``.
    :param dict status: name to ``{active, main_pid, digest}``; ``digest`` is what the running process was
        started with, None where it cannot be known.
    :param list stale: ``{name, manager}`` of owned services that are no longer declared.
    :returns: list of ``{name, action, reason}``; a stale one also carries its ``manager``.
    """
    steps = [dict(one, action="remove", reason="no longer declared") for one in stale]
    for service in desired:
        action, reason = _step(service, status.get(service["name"]))
        if action:
            steps.append({"name": service["name"], "action": action, "reason": reason})
    return sorted(steps, key=lambda step: ORDER.index(step["action"]))


def _step(service, status):
    active = bool(status) and status["active"] in RUNNING
    if service["state"] == "stopped":
        return ("stop", "declared stopped") if active else (None, None)
    if not active:
        return "start", "not running"
    if not status["main_pid"]:
        return "start", "waits for its next automatic start"
    if status["digest"] != service["digest"]:
        return "restart", "runs with an earlier configuration"
    return None, None
