# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which steps bring a set of services to their declared state. Pure."""

from __future__ import annotations

RUNNING = ("active", "activating", "reloading", "deactivating")
ORDER = ("remove", "stop", "restart", "start")


def plan_steps(desired, status, stale):
    """Steps still to take, in the order in which they must be taken.

    A service that another service manager has is moved by itself, after all others: it is removed there and started
    here before the next one is touched, so that a fleet is never down as a whole.

    :param list desired: ``{name, state, digest, environment_name}``, state ``started`` or ``stopped``.
    :param dict status: name to ``{active, main_pid, digest}``; ``digest`` is what the running process was
        started with, None where it cannot be known.
    :param list stale: ``{name, manager, environment_name}`` of owned services that are no longer declared, or are
        declared for another service manager.
    :returns: list of ``{name, action, reason}``; a stale one also carries its ``manager`` and ``environment_name``.
    """
    declared = {service["environment_name"]: service for service in desired}
    moved = [one for one in stale if one["environment_name"] in declared]
    moves = [step for one in moved for step in _move(one, declared[one["environment_name"]], status)]
    steps = [dict(one, action="remove", reason="no longer declared") for one in stale if one not in moved]
    steps += _steps([service for service in desired if service["name"] not in {step["name"] for step in moves}], status)
    return sorted(steps, key=lambda step: ORDER.index(step["action"])) + moves


def _move(old, service, status):
    return [
        dict(old, action="remove", reason="declared for another service manager"),
        *_steps([service], status),
    ]


def _steps(services, status):
    found = [(service["name"], *_step(service, status.get(service["name"]))) for service in services]
    return [{"name": name, "action": action, "reason": reason} for name, action, reason in found if action]


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
