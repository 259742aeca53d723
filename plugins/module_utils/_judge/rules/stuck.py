# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules that find a worker stuck: up, and not working. Pure. Private to the collection.

Each cites two samples, and a signal that does not come from the control plane; verdict.py refuses one that does not.
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

# The kernel's letters for a process that a signal or a debugger has stopped.
STOPPED = ("T", "t")

_SAID = {
    "hung_in_startup": "It has not become ready",
    "loop_stalled": "Its main loop does not turn",
    "not_consuming": "Work waits, its slots are free, and it takes none",
    "pool_dead": "It takes tasks, and no process of its pool runs them",
    "connection_lost": "Its own connection to the broker is dead, while the broker answers others",
}


def loop_stopped(case):
    """A signal or a debugger has stopped the main process."""
    states = [main["state"] for main in case.host.mains]
    if not states or any(state not in STOPPED for state in states):
        return None
    cites = [cite(HOST, "main.state", states, "the main process is stopped")]
    if len(states) < 2:
        cites.append(_still(case.host.mains[-1], "main", case.host.samples[-1]["seconds"]))
    cause = "A signal has stopped its main process (state {0}).".format(states[-1])
    return found("loop_stalled", "stalled", cause, [one for one in cites if one], since=_last_sign(case))


def _still(process, item, seconds):
    """A citation, if a process did not run at all between the two readings of a look."""
    if not seconds or process.get("new") or process.get("cpu_seconds") or process.get("switches"):
        return None
    return cite(HOST, item + ".cpu_seconds", [0], "it did not run for {0} s".format(round(seconds, 1)), 2)


def _last_sign(case):
    """When the worker last showed that it works, in seconds since the epoch."""
    heartbeat = case.heartbeats.last_found
    return heartbeat["written_at"] - (heartbeat.get("loop_age") or 0) if heartbeat else None


def sentinel_says(case):
    """The worker's own sentinel finds the fault, in two samples, and nothing speaks against it."""
    said = case.heartbeats.problems()
    if len(said) < 2 or said[-1] not in _SAID or any(problem not in _SAID for problem in said):
        return None
    problem = said[-1]
    moved = case.work.progress()
    if moved and problem in ("loop_stalled", "not_consuming", "connection_lost"):
        return None
    if problem == "loop_stalled" and case.work.blocking_task():
        return None
    if problem == "not_consuming" and _excused(case):
        return None
    detail = case.heartbeats.latest("detail") or ""
    cites = [cite(HOST, "heartbeat.problem", said, detail or problem)]
    cause = "{0}{1}.".format(_SAID[problem], ": " + detail if detail else "")
    return found(problem, "stalled", cause, cites, since=_last_sign(case))


def _excused(case):
    """Tasks that wait for their time or for a rate limit hold the slots lawfully."""
    return bool(case.held.by_eta()) or case.held.may_be_by_limit()


def loop_stalled(case):
    """The main loop does not turn, and no task explains it."""
    if case.pool.in_loop() is not False and case.heartbeats.last is None and not case.heartbeats.stale():
        # A busy solo or greenlet worker looks the same from outside.
        return None
    if case.work.blocking_task() or case.work.progress():
        return None
    ages = case.heartbeats.readings("loop_age")
    if len(ages) >= 2 and min(ages) > case.policy["stall_after"] and ages[-1] > ages[0]:
        cites = [cite(HOST, "heartbeat.loop_age", ages, "its main loop has not turned")]
        cites += [one for one in [case.control.silent()] if one]
        cause = "Its main loop has not turned for {0}, and no task explains it.".format(seconds_text(ages[-1]))
        return found("loop_stalled", "stalled", cause, cites, since=case.now() - ages[-1])
    silent = case.control.silent()
    if not silent or case.pool.in_loop() is None or case.fleet.mute:
        return None
    if len(case.heartbeats.stale()) >= 2 and (case.host.asleep() or _spins(case)):
        files = [heartbeat["age"] for heartbeat in case.heartbeats.stale()]
        cites = [
            silent,
            cite(HOST, "heartbeat.age", files, "nobody has written its heartbeat since"),
            case.host.asleep() or _spins(case),
        ]
        cause = "It neither answers nor writes its heartbeat for {0}.".format(seconds_text(files[-1]))
        return found("loop_stalled", "stalled", cause, cites, since=case.now() - files[-1])
    if case.pool.in_loop() or case.heartbeats.fresh:
        return None
    idle = _idle_wait(case)
    if idle and (case.host.asleep() or _calm(case)):
        cites = [silent, idle] + [one for one in [case.host.asleep()] if one]
        return found("loop_stalled", "stalled", "It neither answers nor asks the broker for work.", cites)
    if case.host.asleep() and case.queues.waiting():
        cites = [silent, case.host.asleep(), case.queues.waiting()]
        cause = "It does not answer, its main thread does not wake up, and work waits."
        return found("loop_stalled", "stalled", cause, cites)
    return None


def _spins(case):
    """A citation, if the main process took a whole processor through all looks."""
    looks = [
        (sample["main"]["cpu_seconds"], sample["seconds"])
        for sample in case.host.samples
        if sample["main"] and sample["seconds"]
    ]
    if len(looks) < 2 or any(cpu is None or cpu < 0.9 * seconds for cpu, seconds in looks):
        return None
    return cite(HOST, "main.cpu_seconds", [cpu for cpu, _seconds in looks], "its main process takes a whole processor")


def _calm(case):
    """Whether the worker takes no processor. False when not known."""
    cpu = case.host.cpu()
    return cpu is not None and cpu < 0.02


def _idle_wait(case):
    """A citation, if its last request for work is long ago in two samples. A healthy worker repeats it each second."""
    clients = [sample["waiting"] for sample in case.clients]
    if len(clients) < 2 or not all(clients):
        return None
    idle = [min(client["idle"] for client in sample) for sample in clients]
    if min(idle) < case.policy["stall_after"]:
        return None
    return cite(BROKER, "clients.idle", idle, "its last request for work is long ago")


def connection_lost(case):
    """The broker is reachable, and the worker's own connection to it is dead."""
    if case.heartbeats.confirmed():
        return None
    return _disconnected(case) or _half_open(case) or _no_consumer(case)


def _disconnected(case):
    """It has no connection at all, and had the time to make one."""
    sockets = [sample["sockets"] for sample in case.host.samples]
    if len(sockets) < 2 or any(listed is None for listed in sockets) or not case.host.mains:
        return None
    if (
        any("broker_address" in sample["missing"] for sample in case.host.samples)
        or case.work.progress()
        or case.control.answers
    ):
        return None
    live = [sum(one["state"] == "ESTABLISHED" and one["to"] != "other" for one in listed) for listed in sockets]
    grace = case.policy["reconnect_grace"]
    uptime = case.fleet.evidence["broker"]["facts"]["uptime"]
    if (
        any(live)
        or not (case.span() >= grace or (uptime is not None and uptime >= grace))
        or (case.host.age() or 0) < grace
    ):
        return None
    silent = case.control.silent()
    if not silent or case.work.blocking_task():
        return None
    cites = [cite(HOST, "sockets.established", live, "it has no connection to the broker"), silent]
    return found("connection_lost", "stalled", "It has no connection to the broker, which answers others.", cites)


def _half_open(case):
    """On Redis: the host holds connections that the broker's list of waiting clients does not have.

    Only where addresses can be compared: that of a neighbour is in the list, so no translation lies between.
    """
    clients = [sample["waiting"] for sample in case.clients]
    if case.fleet.evidence["broker"]["kind"] != "redis" or len(clients) < 2:
        return None
    if any(listed is None or listed for listed in clients) or not case.fleet.knows_clients():
        return None
    live, idle = _connected(case), _should_ask(case)
    if not live or not idle or not case.past_start_grace():
        return None
    cites = [
        cite(BROKER, "clients.waiting", [0] * len(clients), "the broker has no client of it that waits for work"),
        live,
        *idle,
    ]
    return found(
        "connection_lost", "stalled", "It waits for work on a connection that the broker does not know.", cites
    )


def _connected(case):
    """A citation, if its host believes to be connected with the broker in two looks."""
    sockets = [sample["sockets"] or () for sample in case.host.samples]
    live = [sum(one["state"] == "ESTABLISHED" and one["to"] == "broker" for one in listed) for listed in sockets]
    if len(live) < 2 or not all(live):
        return None
    return cite(HOST, "sockets.established", live, "its host believes to be connected")


def _should_ask(case):
    """Citations, if its slots are free, so that it should ask the broker for work: by its own word, or by its rest."""
    empty, flat = case.work.empty_handed(), case.work.flat()
    if empty and flat:
        return [empty]
    silent, waiting = case.control.silent(), case.queues.waiting()
    if silent and waiting and case.pool.in_loop() is False and not case.fleet.mute and _calm(case):
        return [silent, waiting]
    return []


def _no_consumer(case):
    """On RabbitMQ: the broker knows no consumer at all of a queue that this worker consumes, as it believes."""
    idle = _should_ask(case)
    if case.fleet.evidence["broker"]["kind"] != "rabbitmq" or not idle:
        return None
    consumed = case.queues.consumed()
    if len(consumed) < 2 and not (case.control.silent() and _connected(case) and case.past_start_grace()):
        return None
    names = set(consumed[0]) & set(consumed[-1]) if consumed else case.queues.names()
    for name in sorted(names):
        consumers = [sample["consumers"] for sample in case.queues.samples(name)]
        if len(consumers) >= 2 and all(number == 0 for number in consumers):
            cites = [
                cite(BROKER, "queues.{0}.consumers".format(name), consumers, "the broker has no consumer of " + name)
            ]
            if consumed:
                cites.append(cite(CONTROL, "active_queues", consumed, "it says that it consumes " + name))
            cause = "It should consume {0}, and the broker knows no consumer of it.".format(name)
            return found("connection_lost", "stalled", cause, [*cites, *idle])
    return None


def not_consuming(case):
    """It answers, its slots are free, its queue has work, and it takes none."""
    waiting, flat, empty = case.queues.waiting(), case.work.flat(), case.work.empty_handed()
    if not waiting or not flat or not empty or not (case.control.answered_all() or case.heartbeats.fresh):
        return None
    if _excused(case) or not _long_enough(case):
        return None
    if case.heartbeats.latest("problem") == "wrong_queues":
        # Its connection is well, and somebody took its consumers away.
        return None
    cause = "{0}, its slots are free, and it takes none.".format(waiting["says"].capitalize())
    return found(
        "not_consuming", "stalled", cause, [waiting, flat, empty], since=case.heartbeats.latest("last_received")
    )


def _long_enough(case):
    """Whether nothing was taken for long enough to be no coincidence."""
    stall = case.policy["stall_after"]
    # A sentinel sees it itself, with more samples than these.
    enough = stall if case.heartbeats.confirmed() else min(stall, case.policy["interval"])
    return case.span() >= enough and (case.host.age() or stall + 1) > stall


def pool_dead(case):
    """It takes tasks, and no process of its pool runs them."""
    if case.pool.name() not in (None, "prefork"):
        return None
    return _child_dead(case) or _no_children(case) or _never_begun(case)


def _child_dead(case):
    """A process of the pool that can never run again: stopped, or its only thread waits for a lock that nobody frees."""
    looks = case.host.children()
    if not looks:
        return None
    histories = {}
    for children in looks:
        for child in children:
            histories.setdefault(child["pid"], []).append(child)
    holders = {task["pid"] for task in case.work.tasks() if task["pid"]}
    for pid, history in sorted(histories.items()):
        if len(history) < len(looks):
            continue
        states = [child["state"] for child in history]
        if all(state in STOPPED for state in states):
            cites = [cite(HOST, "child.{0}.state".format(pid), states, "this process of the pool is stopped")]
            cites += [one for one in [_held(case)] if one]
            if len(states) < 2:
                cites += [
                    one
                    for one in [_still(history[-1], "child.{0}".format(pid), case.host.samples[-1]["seconds"])]
                    if one
                ]
            cause = "A signal has stopped process {0} of its pool, and what it was given is not run.".format(pid)
            return found("pool_dead", "stalled", cause, cites)
        locked = [
            child.get("threads") == 1
            and (child.get("wchan") or "").startswith("futex")
            and not child.get("cpu_seconds")
            and child.get("switches") == 0
            for child in history
        ]
        if pid in holders and all(locked) and len(locked) >= 2:
            waits = [child["wchan"] for child in history]
            cites = [cite(HOST, "child.{0}.wchan".format(pid), waits, "its only thread waits for a lock")]
            cause = "Process {0} of its pool runs a task and waits for a lock that no other thread can free.".format(
                pid
            )
            return found("pool_dead", "stalled", cause, cites)
    return None


def _held(case):
    """A citation, if the same task was taken and not begun in two samples."""
    taken = [
        {task["id"] for task in sample["reserved"] if task["started"] is None}
        for sample in case.control.answers
        if sample["reserved"] is not None
    ]
    if len(taken) < 2:
        return None
    same = set.intersection(*taken)
    return cite(CONTROL, "reserved", [len(ids) for ids in taken], "a task was taken and not begun") if same else None


def _no_children(case):
    """The pool has no process at all."""
    looks = case.host.children()
    if len(looks) < 2 or case.pool.name() != "prefork" or any(looks) or not case.past_start_grace():
        return None
    if any(sample["others"] for sample in case.host.samples) or any(
        sample["children"] for sample in case.control.answers
    ):
        return None
    if case.declaration.fewest_processes == 0 and not _held(case):
        return None
    cites = [cite(HOST, "children", [0] * len(looks), "its pool has no process")]
    cites += [one for one in [_held(case)] if one]
    return found("pool_dead", "stalled", "Its pool has no process left.", cites)


def _never_begun(case):
    """A task waits inside the worker, a slot is free, and all its processes sleep."""
    held, flat, looks = _held(case), case.work.flat(), case.host.children()
    if not held or not flat or len(looks) < 2 or not all(looks):
        return None
    slots, busy = case.pool.concurrency(), case.work.busy_slots()
    if slots is None or busy is None or busy >= slots or case.held.by_eta():
        return None
    children = [child for look in looks for child in look]
    if any(child.get("cpu_seconds") or child.get("new") or child.get("switches") for child in children):
        return None
    if any(child.get("switches") is None for child in children):
        return None
    cites = [
        held,
        flat,
        cite(HOST, "children.switches", [0] * len(looks), "no process of its pool woke up"),
    ]
    return found("pool_dead", "stalled", "A task was given to its pool, and none of its processes begins it.", cites)
