# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules about what hides a node from view: the broker, the probe, the host. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import BROKER, CONTROL, HOST, cite, found


def broker_refusing(case):
    """The broker answers, and refuses."""
    error = case.fleet.refusing()
    if not error:
        return None
    cites = [cite(BROKER, "broker.error", [error], "the broker refuses")]
    return found("broker_refusing", "unknown", "The broker answers and refuses: {0}".format(error), cites)


def broker_unreachable(case):
    """The broker does not answer whoever asks, and the worker does not say otherwise."""
    if case.fleet.reachable() is False and not case.heartbeats.confirmed():
        error = case.fleet.error()
        cites = [cite(BROKER, "broker.reachable", [False], error or "no answer")]
        return found(
            "broker_unreachable", "unknown", "The broker does not answer ({0}).".format(error or "no answer"), cites
        )
    return None


def worker_cannot_reach(case):
    """The worker's own sentinel finds no broker, from its host."""
    states = case.heartbeats.states()
    if not states or states[-1] != "broker_down":
        return None
    cites = [cite(HOST, "heartbeat.state", states, "the broker does not answer this host")]
    cause = "The worker is up, and the broker does not answer from its host, or has just come back."
    return found("broker_unreachable", "unknown", cause, cites)


def mute_fleet(case):
    """No node at all answers: that is the broker, or the way to it, and not every worker at once."""
    if not case.fleet.mute or not case.control.silent() or case.heartbeats.confirmed() or case.work.progress():
        return None
    cites = [case.control.silent(), cite(CONTROL, "fleet", [0], "no worker of the fleet answers")]
    cause = "No worker of the fleet answers at once, which points at the broker or the way to it."
    return found("broker_unreachable", "unknown", cause, cites)


def host_unreachable(case):
    """The host cannot be looked at, and nothing else proves work."""
    host = case.fleet.host(case.host_name)
    if host["reachable"] is not False or case.host.samples:
        return None
    return found("host_unreachable", "unknown", "The host cannot be looked at: {0}.".format(host["why"].rstrip(".")))


def look_failed(case):
    """The host answers, and the look at it failed, so nothing is known of what it runs."""
    host = case.fleet.host(case.host_name)
    if host["reachable"] is not True or not host["why"] or case.host.samples:
        return None
    return found("probe_failed", "unknown", "Nothing is known of its host: {0}.".format(host["why"].rstrip(".")))


def probe_failed(case):
    """The question could not be put."""
    probe = case.fleet.evidence["probe"]
    if probe["ok"] is not False or case.control.answers:
        return None
    cites = [cite(CONTROL, "probe.ok", [False], probe["error"])]
    return found("probe_failed", "unknown", "The question could not be put: {0}".format(probe["error"]), cites)


def insufficient_evidence(case):
    """What there is does not prove anything."""
    missing = sorted("{0} ({1})".format(name, why) for name, why in case.evidence["missing"].items())
    silent = case.control.silent()
    if silent and case.pool.in_loop() is None:
        missing.append("pool (a busy solo worker does not answer either)")
    if silent and case.pool.in_loop():
        missing.append("heartbeat (a busy {0} worker does not answer either)".format(case.pool.name()))
    if silent and len(case.host.samples) < 2:
        missing.append("a second look at the host")
    what = (
        "Nothing proves that it works or that it does not. "
        if not silent
        else "It does not answer, which proves nothing. "
    )
    cause = what + ("Missing: " + "; ".join(missing) + "." if missing else "Look again, or send a canary task.")
    return found("insufficient_evidence", "unknown", cause, [silent] if silent else [])
