# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules that find a worker misconfigured: a restart would not help, or would do harm. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import (
    BROKER,
    CONTROL,
    HOST,
    cite,
    found,
    seconds_text,
)

# A process of the pool that is this young in each look never lives long.
_YOUNG = 5


def wrong_queues(case):
    """It consumes other queues than were declared, in all samples."""
    declared, consumed = case.declaration.queues, case.queues.consumed()
    if not declared or not consumed or (len(consumed) < 2 and len(case.control.asked) > 1):
        return None
    if any(set(queues) == declared for queues in consumed):
        return None
    lacks, extra = sorted(declared - set(consumed[-1])), sorted(set(consumed[-1]) - declared)
    words = ["does not consume " + ", ".join(lacks)] if lacks else []
    words += ["consumes " + ", ".join(extra) + " besides"] if extra else []
    source = CONTROL if case.control.readings("queues") else HOST
    cites = [cite(source, "active_queues", consumed, "declared: " + ", ".join(sorted(declared)))]
    return found("wrong_queues", _load(case), "It {0}.".format(" and ".join(words)), cites, lacks=lacks, extra=extra)


def missing_tasks(case):
    """It does not know tasks that it was declared to have."""
    registered = case.control.readings("registered")
    lacks = sorted(case.declaration.tasks - set(registered[-1])) if registered else []
    if not lacks:
        return None
    cites = [cite(CONTROL, "registered", [len(registered[-1])], "without " + ", ".join(lacks))]
    cause = "It does not know {0}; a message for an unknown task is dropped.".format(", ".join(lacks))
    return found("missing_tasks", _load(case), cause, cites)


def clock_drift(case):
    """The clock of its host is wrong, by more than the measurement may be."""
    samples = case.fleet.host(case.host_name)["samples"]
    drifts = [(s["clock_offset"], s["clock_uncertainty"] or 0) for s in samples if s["clock_offset"] is not None]
    if not drifts or any(abs(offset) - doubt <= case.policy["max_clock_drift"] for offset, doubt in drifts):
        return None
    offset = drifts[-1][0]
    cites = [cite(HOST, "clock.offset", [offset for offset, _doubt in drifts], "against the controller, in seconds")]
    cause = "The clock of its host is {0} {1} that of the controller.".format(
        seconds_text(abs(offset)), "ahead of" if offset > 0 else "behind"
    )
    return found("clock_drift", _load(case), cause, cites)


def result_backend_unreachable(case):
    """The result backend does not answer."""
    backend = case.fleet.evidence["broker"]["facts"]["result_backend"] or {}
    if backend.get("reachable") is not False:
        return None
    cites = [cite(BROKER, "result_backend.reachable", [False], backend.get("error") or "no answer")]
    cause = "The result backend does not answer ({0}).".format(backend.get("error") or "no answer")
    return found("result_backend_unreachable", _load(case), cause, cites)


def pool_respawning(case):
    """The processes of its pool die at birth, for ever."""
    if case.pool.name() not in (None, "prefork") or case.work.progress():
        return None
    flat, line = case.work.flat(), _up_message(case)
    pids = [set(pids) for pids in case.control.readings("children") if pids]
    cites = []
    if len(pids) >= 2 and all(not one & other for one, other in zip(pids, pids[1:])):
        cites.append(
            cite(CONTROL, "stats.pool.processes", [sorted(one) for one in pids], "none lives to the next sample")
        )
    looks = case.host.children()
    ages = [max(child["age"] for child in look) for look in looks if look]
    replaced = [
        bool(sample["ended"]) and any(child.get("new") for child in sample["children"] or ())
        for sample in case.host.samples
    ]
    if len(ages) >= 2 and len(ages) == len(looks) and max(ages) < _YOUNG and (case.host.age() or 0) > 2 * _YOUNG:
        cites.append(cite(HOST, "children.age", ages, "all processes of its pool are new in each sample"))
    elif len(replaced) >= 2 and all(replaced) and line:
        cites.append(
            cite(HOST, "ended", [len(sample["ended"]) for sample in case.host.samples], "processes of its pool end")
        )
    if (
        not cites
        or not (flat or line)
        or (case.host.age() or case.declaration.start_grace + 1) <= case.declaration.start_grace
    ):
        return None
    cites += [one for one in (flat, line) if one]
    cause = "The processes of its pool end soon after their birth, and no task is run."
    return found("pool_respawning", "stalled", cause, cites)


def _up_message(case):
    """A citation of Celery's own complaint, if it is in the end of the log."""
    lines = [line for sample in case.host.samples for line in (sample["log"] or {}).get("lines") or ()]
    said = [line for line in lines if "Timed out waiting for UP message" in line]
    return cite(HOST, "log.lines", [said[-1].strip()[:200]], "Celery's own complaint") if said else None


def prefetch_full(case):
    """Tasks that wait for their time hold the slots, and other work waits."""
    held, waiting = case.held.by_eta(), case.queues.waiting()
    if not held or not waiting or not case.work.flat() or any(case.control.loads()):
        return None
    cause = "{0} tasks that wait for their time fill it, and other work waits.".format(held["readings"][-1])
    return found("prefetch_full", "scheduled", cause, [held, waiting, case.work.flat()])


def task_overrun(case):
    """A task runs past its own hard limit, which nobody has enforced."""
    over = [
        task
        for task in case.work.tasks()
        if task["hard"] and task["age"] is not None and task["age"] > task["hard"] + case.policy["overrun_grace"]
    ]
    if not over or case.host.running is False:
        return None
    worst = max(over, key=lambda task: task["age"] - task["hard"])
    cites = [
        cite(
            HOST if case.heartbeats.fresh else CONTROL,
            "active.age",
            [round(worst["age"])],
            "its limit is {0} s".format(worst["hard"]),
        )
    ]
    cause = "{0} has run for {1}, and its hard limit is {2}.".format(
        worst["name"], seconds_text(worst["age"]), seconds_text(worst["hard"])
    )
    return found("task_overrun", "busy", cause, cites, since=worst["started"])


def control_unreachable(case):
    """It works, and does not answer."""
    silent = case.control.silent()
    if not silent or not case.declaration.remote_control or case.work.blocking_task():
        return None
    proof = case.work.progress() or _proven(case) or children_work(case)
    if not proof:
        return None
    return found("control_unreachable", "busy", "It works, and does not answer remote control.", [silent, proof])


def _proven(case):
    """A citation, if its own loop turns and hears from the broker, by the word of its sentinel."""
    if len(case.heartbeats.fresh) < 2 or set(case.heartbeats.states()) != {"ready"} or any(case.heartbeats.problems()):
        return None
    ages = case.heartbeats.readings("loop_age")
    if len(ages) < 2 or max(ages) > case.policy["stall_after"]:
        return None
    return cite(HOST, "heartbeat.loop_age", ages, "its main loop turns")


def children_work(case):
    """A citation, if processes of its pool take the processor in two looks."""
    looks = case.host.children()
    used = [sum(child.get("cpu_seconds") or 0 for child in look if not child.get("new")) for look in looks]
    if len(used) < 2 or min(used) < 0.05:
        return None
    return cite(HOST, "children.cpu_seconds", [round(one, 2) for one in used], "its pool is at work")


def _load(case):
    """What it does besides."""
    busy = case.work.busy_slots()
    return "unknown" if busy is None else "busy" if busy else "idle"
