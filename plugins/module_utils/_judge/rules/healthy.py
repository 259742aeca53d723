# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules that find a worker healthy: busy, saturated or idle. Pure. Private to the collection.

A pong alone proves nothing, so each wants to know of work, or of the lack of it.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import (
    BROKER,
    CONTROL,
    HOST,
    cite,
    found,
    seconds_text,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.rules.misconfigured import children_work

# Of one processor: who takes more is at work.
_AT_WORK = 0.05


def busy_in_loop(case):
    """A solo or greenlet worker whose task keeps it from answering."""
    if case.control.answers or case.host.running is False or not case.pool.in_loop():
        return None
    task = case.work.blocking_task()
    if task:
        full = saturated(case)
        if full:
            return full
        cause = "It runs {0}{1}, and with the {2} pool it does not answer meanwhile.".format(
            task["name"], "" if task["age"] is None else " since " + seconds_text(task["age"]), case.pool.name()
        )
        cites = [cite(HOST, "heartbeat.active", [task["id"]], "the task that it runs")]
        return found("busy", "busy", cause, cites, since=task["started"])
    cpu, unacked = case.host.cpu(), case.queues.unacked()
    if not case.control.silent() or case.heartbeats.stale() or case.heartbeats.fresh:
        return None
    if cpu is not None and cpu >= _AT_WORK:
        cites = [cite(HOST, "cpu", [round(cpu, 2)], "it takes the processor")]
    elif unacked:
        cites = [unacked]
    else:
        return None
    cause = "It is at work, and with the {0} pool it does not answer meanwhile.".format(case.pool.name())
    return found("busy", "busy", cause, cites)


def busy_unasked(case):
    """A worker whose remote control is off, and whose pool is at work."""
    if case.declaration.remote_control:
        return None
    proof = children_work(case)
    return found("busy", "busy", "Its remote control is off, and its pool is at work.", [proof]) if proof else None


def saturated(case):
    """All its slots are busy, and work waits."""
    busy, slots, waiting = case.work.busy_slots(), case.pool.concurrency(), case.queues.waiting()
    if not waiting or not busy or not slots or busy < slots:
        return None
    cites = [cite(_source(case), "active", [busy], "of {0} slots".format(slots)), waiting]
    return found("saturated", "saturated", "All its {0} slots are busy, and {1}.".format(slots, waiting["says"]), cites)


def busy(case):
    """It has tasks at hand, or has had some between the samples."""
    moved, running, limited = case.work.progress(), case.work.busy_slots(), case.held.by_limit()
    if limited and not running:
        cites = [limited, moved] if moved else [limited]
        return found("busy", "rate_limited", "Its tasks wait for their rate limit.", cites)
    if not moved and not (running and (case.control.answers or case.heartbeats.fresh)):
        return _holding(case)
    slots = case.pool.concurrency()
    cites = [moved] if moved else []
    if running:
        cites.append(cite(_source(case), "active", [running], "tasks run"))
    cause = "It runs {0}{1} tasks.".format(running or 0, "/{0}".format(slots) if slots else "")
    if moved:
        cause = "Tasks go through it."
    return found("busy", "busy", cause, cites)


def _holding(case):
    """Tasks at hand that do not run yet, most of all those that wait for their time."""
    if not (case.control.answers or case.heartbeats.fresh):
        return None
    waits = case.held.by_eta()
    held = [source for source in (CONTROL, HOST) if case.work.loads(source) and case.work.loads(source)[-1]]
    if waits:
        return found("busy", "scheduled", "Its tasks wait for their time.", [waits])
    if held:
        cites = [cite(held[0], "active + reserved", case.work.loads(held[0]), "tasks at hand")]
        return found("busy", "busy", "It has tasks at hand.", cites)
    return None


def idle(case):
    """It has nothing to do, as far as can be known without a task."""
    if not (case.control.answered_all() or case.heartbeats.confirmed()):
        return None
    # Who does not answer must be seen alive: what the only heartbeat said may be over.
    if case.control.silent() and len(case.heartbeats.fresh) < 2:
        return None
    if any(case.work.loads(source)[-1:] not in ([], [0]) for source in (CONTROL, HOST)):
        return None
    empty = [source for source in (CONTROL, HOST) if case.work.loads(source)]
    if not case.queues.empty() or not (empty or case.work.flat() or case.heartbeats.confirmed()):
        return None
    cites = [cite(BROKER, "queues.ready", [0], "no work waits for it")]
    if case.heartbeats.confirmed():
        cites.append(cite(HOST, "heartbeat.state", ["ready"], "its sentinel finds nothing wrong"))
        return found("idle", "idle", "Nothing waits for it, and its sentinel finds nothing wrong.", cites)
    cites.append(cite(CONTROL, "answered", [True] * len(case.control.answers), "it answers remote control"))
    cause = "Nothing waits for it. It answers, which alone does not prove that it would take work."
    return found("idle", "idle_unproven", cause, cites)


def confirmed_by_sentinel(case):
    """Its sentinel says that it works, where nothing else is known."""
    if not case.heartbeats.confirmed() or len(case.heartbeats.fresh) < 2:
        return None
    ages = case.heartbeats.readings("loop_age")
    if len(ages) < 2 or max(ages) > case.policy["stall_after"]:
        return None
    cites = [cite(HOST, "heartbeat.loop_age", ages, "its main loop turns")]
    count = case.work.busy_slots()
    return found("busy" if count else "idle", "busy" if count else "idle", "Its sentinel finds nothing wrong.", cites)


def _source(case):
    return HOST if case.heartbeats.last else CONTROL
