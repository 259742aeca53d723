# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges a fleet: one verdict for each expected node, from the evidence. Pure. Private to the collection.

The rules are asked in the order of RULES, and the first that finds something decides. docs/evidence.md has the form of
the evidence, reasons.py the table of reasons.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.policy import policy as complete
from ansible_collections.taskfleet.celery.plugins.module_utils._judge import findings
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import (
    CONTROL,
    cite,
    found,
    moment,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.fleet import Fleet
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import (
    NONE,
    START_IF_PROVEN,
    STUCK,
    entry,
    verdict_of,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.rules import (
    beat_and_flower,
    healthy,
    hidden,
    misconfigured,
    service,
    stuck,
)

# What hides the node comes before what is wrong with it, what excuses it before what convicts it.
RULES = (
    service.not_running,
    hidden.broker_refusing,
    hidden.broker_unreachable,
    service.crash_looping,
    service.start_failed,
    service.draining,
    hidden.worker_cannot_reach,
    service.duplicate_name,
    stuck.loop_stopped,
    service.start_timed_out,
    service.starting,
    service.start_held_up,
    service.hung_in_startup,
    healthy.busy_in_loop,
    misconfigured.pool_respawning,
    misconfigured.prefetch_full,
    stuck.sentinel_says,
    stuck.pool_dead,
    misconfigured.control_unreachable,
    hidden.mute_fleet,
    stuck.loop_stalled,
    stuck.connection_lost,
    stuck.not_consuming,
    misconfigured.task_overrun,
    misconfigured.wrong_queues,
    misconfigured.missing_tasks,
    misconfigured.clock_drift,
    misconfigured.result_backend_unreachable,
    healthy.saturated,
    healthy.busy,
    healthy.busy_unasked,
    hidden.host_unreachable,
    hidden.look_failed,
    healthy.idle,
    healthy.confirmed_by_sentinel,
    hidden.probe_failed,
    hidden.insufficient_evidence,
)


def judge(expected, evidence, policy=None):
    """Return the verdicts: nodes, beat, flower and findings, with what is known of the broker."""
    fleet = Fleet(expected, evidence, complete(policy))
    return {
        "app": expected.get("app"),
        "taken_at": moment(evidence["taken_at"]),
        "broker": {
            "kind": evidence["broker"]["kind"],
            "reachable": fleet.reachable(),
            "refusing": bool(fleet.refusing()) if fleet.samples else None,
            "error": fleet.refusing() or (fleet.error() if fleet.reachable() is False else ""),
        },
        "nodes": [verdict for verdict in map(judge_node, fleet.cases.values()) if verdict],
        "beat": judge_service("beat", expected, fleet),
        "flower": judge_service("flower", expected, fleet),
        "findings": findings.find(fleet),
    }


def judge_node(case):
    """Return the verdict on one node, or None for one that is declared to be stopped, and is."""
    if not case.declaration.exists or case.declaration.stopped:
        outcome = _unexpected(case)
        return _verdict(outcome, case) if outcome else None
    for rule in RULES:
        outcome = rule(case)
        if outcome:
            return _verdict(proven(outcome, case.fleet, case.heartbeats.fresh), case)
    raise AssertionError("no rule applies to " + case.node)


def _unexpected(case):
    """A node that answers though nobody has declared it, or though it was declared to be stopped."""
    if not case.control.answers and not (case.declaration.exists and case.host.running):
        return None
    queues = case.queues.consumed()[-1] if case.queues.consumed() else []
    why = "is declared to be stopped" if case.declaration.exists else "is not declared"
    cause = "It {0}, and runs{1}.".format(why, " and consumes " + ", ".join(queues) if queues else "")
    answers = [True] * len(case.control.answers)
    cites = [cite(CONTROL, "answered", answers, "it answers remote control")] if answers else []
    return found("unexpected_node", "unknown", cause, cites, queues=queues)


def proven(outcome, fleet, heartbeats=()):
    """Return what a rule has found, unless it calls a worker stuck without proof.

    The proof is a signal from outside the control plane that holds in two samples, with a broker that was well all the
    time: what hangs together with the broker is not fixed by a restart.
    """
    if verdict_of(outcome["reason"]) != STUCK:
        return outcome
    outside = [one for one in outcome["cites"] if one["source"] != CONTROL]
    if not any(one["samples"] >= 2 for one in outside):
        lacks = "a second sample from outside the control plane"
    elif not _broker_well(fleet, heartbeats):
        lacks = "a broker that answers in all samples"
    else:
        return outcome
    cause = "It looks like {0} ({1}), and the proof lacks {2}.".format(
        outcome["reason"], outcome["cause"].rstrip("."), lacks
    )
    reason = "broker_unreachable" if fleet.reachable() is False else "insufficient_evidence"
    return found(reason, "unknown", cause, outcome["cites"], outcome["since"])


def _broker_well(fleet, heartbeats):
    """Whether the broker answered all along: who asked it says so, or, if nobody did, the worker's sentinel does."""
    steady = fleet.steady()
    if steady is not None:
        return steady
    reachable = [(heartbeat.get("broker") or {}).get("reachable") for heartbeat in heartbeats]
    return len(reachable) >= 2 and all(reachable)


def judge_service(kind, expected, fleet):
    """Return the verdict on beat or Flower, or None where none is declared."""
    declared = expected.get(kind)
    if not declared:
        return None
    one = beat_and_flower.Service(kind, declared, fleet)
    outcome = next(filter(None, (rule(one) for rule in beat_and_flower.RULES)))
    outcome = proven(outcome, fleet, one.heartbeats())
    missing = dict(one.host.samples[-1]["missing"]) if one.host.samples else {}
    main = one.host.samples[-1]["main"] if one.host.samples else None
    row = entry(outcome["reason"])
    if row["action"] == START_IF_PROVEN:
        # restart_idle starts workers only.
        row["action"] = NONE
    return dict(
        row,
        host=declared["host"],
        activity=outcome["activity"],
        since=_since(outcome),
        cause=outcome["cause"],
        evidence={"decided_by": outcome["cites"], "missing": missing, "seen": {"pid": main["pid"] if main else None}},
    )


def _verdict(outcome, case):
    """Return a verdict in the form of the report."""
    evidence = {"decided_by": outcome["cites"], "missing": _missing(case), "seen": _seen(case)}
    for key in ("lacks", "extra"):
        if key in outcome:
            evidence["seen"][key] = outcome[key]
    return dict(
        entry(outcome["reason"]),
        node=case.node,
        host=case.host_name,
        instance=case.evidence["instance"],
        activity=outcome["activity"],
        since=_since(outcome),
        cause=outcome["cause"],
        evidence=evidence,
    )


def _since(outcome):
    since = outcome["since"]
    return since if since is None or isinstance(since, str) else moment(since)


def _missing(case):
    """What could not be had, and why."""
    missing = dict(case.evidence["missing"])
    for sample in case.host.samples[-1:]:
        missing.update(("host." + name, why) for name, why in sample["missing"].items())
    for sample in case.control.answers[-1:]:
        missing.update(("control." + name, why) for name, why in sample["missing"].items())
    if case.queues.not_known():
        missing["queues"] = "the depth is not known of " + ", ".join(case.queues.not_known())
    return missing


def _seen(case):
    """The few numbers that an operator wants beside the verdict."""
    loads = case.control.loads() or case.heartbeats.loads()
    cpu = case.host.cpu()
    return {
        "pid": case.host.pid(),
        "pool": case.pool.name(),
        "concurrency": case.pool.concurrency(),
        "active": case.work.busy_slots(),
        "at_hand": loads[-1] if loads else None,
        "queues": case.queues.consumed()[-1] if case.queues.consumed() else None,
        "unacked": case.queues.total_unacked(),
        "cpu": None if cpu is None else round(cpu, 2),
        "heartbeat_age": case.heartbeats.last_found["age"] if case.heartbeats.last_found else None,
        "log": next((s["log"]["lines"][-1:] for s in reversed(case.host.samples) if (s["log"] or {}).get("lines")), []),
    }
