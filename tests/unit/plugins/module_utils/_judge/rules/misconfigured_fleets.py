# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that a restart would not help, and some that only look like them, built from measured facts.

Each function returns a fleet; FLEETS has the reason to be found for w1@web1.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import T0, ExampleFleet, task


def cancelled_consumer():
    return ExampleFleet().set_reply("active_queues", [[{"name": "other"}]] * 2).beat_says(queues=["other"])


def cancelled_all_consumers():
    fleet = ExampleFleet().set_reply("active_queues", [[]] * 2).work_waits()
    return fleet.beat_says(queues=[], problem="wrong_queues", detail="does not consume default any more")


def without_task():
    return ExampleFleet().set_reply("registered", [["shop.other"]] * 2)


def wrong_clock():
    fleet = ExampleFleet()
    for sample in fleet.hosts["web1"]:
        sample["result"]["clock"]["offset"] = 120.0
    return fleet


def no_result_backend():
    fleet = ExampleFleet()
    fleet.facts["result_backend"] = {"reachable": False, "error": "tcp: timed out"}
    return fleet


def fork_spiral():
    """Pings are well all the time, and no process of the pool lives to the next sample."""
    fleet = ExampleFleet(sentinel=False).set_reply("reserved", [[task(number=7)], [task(number=7)]])
    for number, (reply, look) in enumerate(zip(fleet.replies(), fleet.looks(), strict=True)):
        pids = [5000 + 10 * number, 5001 + 10 * number]
        reply["stats"]["pool"]["processes"] = pids
        look["processes"] = [one for one in look["processes"] if one["role"] == "main"]
        look["processes"] += [fleet.process(pid, 1000, "child", age=2.0, new=True) for pid in pids]
        look["ended"] = [pid - 10 for pid in pids]
        look["log"]["lines"] = ["Timed out waiting for UP message from <ForkProcess(ForkPoolWorker-9)>"]
    return fleet


def full_of_eta():
    waits = [{"eta": "2026-12-01T00:00:00+00:00", "priority": 6, "request": task(number=n)} for n in range(50)]
    return ExampleFleet().set_reply("scheduled", [waits, waits]).work_waits()


def past_its_limit():
    running = [[task(number=7, started=T0 - 4000, pid=1001)]] * 2
    fleet = ExampleFleet(sentinel=False).set_reply("active", running)
    return fleet.process_says(1001, wchan="do_sys_poll", switches=5)


def silent_but_at_work():
    """A stale reply key: tasks go through, pings do not come back."""
    return ExampleFleet().silent().total(100, 140)


def silent_but_confirmed():
    return ExampleFleet().silent()


def silent_with_busy_pool():
    return ExampleFleet(sentinel=False).silent().process_says(1001, cpu_seconds=0.6, switches=20)


def one_child_per_task():
    """max_tasks_per_child=1: the pids change all the time, and tasks go through."""
    fleet = fork_spiral().total(100, 108).set_reply("reserved", [[], []])
    for look in fleet.looks():
        look["log"]["lines"] = []
    return fleet


def one_late_child():
    """The complaint of an hour ago is still in the log, and tasks go through."""
    return fork_spiral().total(100, 108)


def slow_probe():
    """The probe is starved: nobody answers in time, and everybody works."""
    fleet = ExampleFleet().deaf()
    for node in fleet.nodes:
        fleet.total(100, 130, node=node)
    return fleet


def drift_by_an_uncertain_clock():
    fleet = ExampleFleet()
    for sample in fleet.hosts["web1"]:
        sample["result"]["clock"].update(offset=20.0, uncertainty=10.0)
    return fleet


FLEETS = [
    (cancelled_consumer, "wrong_queues"),
    (cancelled_all_consumers, "wrong_queues"),
    (without_task, "missing_tasks"),
    (wrong_clock, "clock_drift"),
    (no_result_backend, "result_backend_unreachable"),
    (fork_spiral, "pool_respawning"),
    (full_of_eta, "prefetch_full"),
    (past_its_limit, "task_overrun"),
    (silent_but_at_work, "control_unreachable"),
    (silent_but_confirmed, "control_unreachable"),
    (silent_with_busy_pool, "control_unreachable"),
    (one_child_per_task, "busy"),
    (one_late_child, "busy"),
    (slow_probe, "control_unreachable"),
    (drift_by_an_uncertain_clock, "idle"),
]
