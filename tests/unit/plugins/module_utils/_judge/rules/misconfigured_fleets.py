# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that a restart would not help, and some that only look like them, built where no recording shows the same.

Each function returns a fleet; FLEETS has the reason to be found for w1@web1.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import ExampleFleet, task


def cancelled_all_consumers():
    fleet = ExampleFleet().set_reply("active_queues", [[]] * 2).work_waits()
    return fleet.beat_says(queues=[], problem="wrong_queues", detail="does not consume default any more")


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
    """Pings are well all the time, and no process of the pool lives to the next sample: FLEETS is about what looks like it."""
    fleet = ExampleFleet(sentinel=False).set_reply("reserved", [[task(number=7)], [task(number=7)]])
    for number, (reply, look) in enumerate(zip(fleet.replies(), fleet.looks(), strict=True)):
        pids = [5000 + 10 * number, 5001 + 10 * number]
        reply["stats"]["pool"]["processes"] = pids
        look["processes"] = [one for one in look["processes"] if one["role"] == "main"]
        look["processes"] += [fleet.process(pid, 1000, "child", age=2.0, new=True) for pid in pids]
        look["ended"] = [pid - 10 for pid in pids]
        look["log"]["lines"] = ["Timed out waiting for UP message from <ForkProcess(ForkPoolWorker-9)>"]
    return fleet


def silent_but_confirmed():
    return ExampleFleet().silent()


def silent_with_busy_pool():
    return ExampleFleet(sentinel=False).silent().process_says(1001, cpu_seconds=0.6, switches=20)


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
    (cancelled_all_consumers, "wrong_queues"),
    (wrong_clock, "clock_drift"),
    (no_result_backend, "result_backend_unreachable"),
    (silent_but_confirmed, "control_unreachable"),
    (silent_with_busy_pool, "control_unreachable"),
    (one_late_child, "busy"),
    (slow_probe, "control_unreachable"),
    (drift_by_an_uncertain_clock, "idle"),
]
