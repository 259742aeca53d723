# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only looks like a fault, as evidence: false alarms that a verdict must not raise.

Each function returns a fleet in which w1@web1 is neither stuck nor down. ALARMS has the reason that is right.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import instance
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.faults import (
    LONG_AGO,
    catatonic,
    failed_over,
    fork_spiral,
    no_socket,
)
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import T0, ExampleFleet, task


def solo_busy():
    fleet = ExampleFleet(pool="solo").silent().work_waits().main_says(switches=0)
    running = [{"id": "id-1", "name": "shop.slow", "started": T0 - 60, "soft": None, "hard": 240, "pid": 1000}]
    return fleet.beat_says(loop_age=(55.0, 60.0), active=running, active_count=1)


def solo_saturated():
    return solo_busy().beat_says(concurrency=1)


def solo_busy_without_limit():
    fleet = solo_busy()
    fleet.declared()["limits"] = {}
    running = [{"id": "id-1", "name": "shop.slow", "started": T0 - 9000, "soft": None, "hard": None, "pid": 1000}]
    return fleet.beat_says(active=running)


def solo_busy_without_sentinel():
    return ExampleFleet(pool="solo", sentinel=False).silent().queue_says(unacked=1).main_says(switches=0)


def solo_counting_without_sentinel():
    return ExampleFleet(pool="solo", sentinel=False).silent().main_says(cpu_seconds=1.0, switches=50)


def solo_silent_without_a_sign():
    return ExampleFleet(pool="solo", sentinel=False).silent().work_waits().main_says(switches=0)


def gevent_busy_loop():
    fleet = ExampleFleet(pool="gevent").silent().main_says(cpu_seconds=1.0)
    running = [{"id": "id-1", "name": "shop.count", "started": T0 - 60, "soft": None, "hard": 240, "pid": None}]
    return fleet.beat_says(written_at=T0 - 60, loop_age=0.2, active=running, active_count=1)


def remote_control_off():
    fleet = ExampleFleet().silent()
    fleet.declared()["remote_control"] = False
    return fleet


def remote_control_off_at_work():
    fleet = ExampleFleet(sentinel=False).silent().process_says(1001, cpu_seconds=0.6, switches=20)
    fleet.declared()["remote_control"] = False
    return fleet


def rate_limited_and_blind():
    """No answer to remote control has the tasks that wait for their limit. The broker does."""
    return limit_reached(ExampleFleet(sentinel=False))


def limit_reached(fleet):
    return fleet.work_waits().queue_says(unacked=8).set_reply("rate_limits", [{"shop.add": "1/h"}] * 2)


def rate_limited():
    """The sentinel counts them, slots are free, and work waits."""
    return limit_reached(ExampleFleet()).beat_says(limited=8)


def rate_limits_not_known():
    fleet = rate_limited_and_blind()
    for reply in fleet.replies():
        del reply["rate_limits"]
    return fleet


def silent_while_its_pool_works():
    """No waiting client and no answer: its slots are full, so it does not ask for work."""
    return failed_over().process_says(1001, cpu_seconds=0.5, switches=30)


def normal_schedule():
    waits = [{"eta": "2026-12-01T00:00:00+00:00", "priority": 6, "request": task(number=7)}]
    return ExampleFleet(sentinel=False).set_reply("scheduled", [waits, waits])


def long_lawful_task():
    running = [[task(number=7, started=T0 - 200, pid=1001)]] * 2
    return ExampleFleet(sentinel=False).set_reply("active", running).process_says(1001, wchan="do_sys_poll")


def all_slots_long():
    """Tasks without a limit hold every slot: for the operator to decide, not for a restart."""
    running = [[task(number=7, started=T0 - 9000, pid=1001), task(number=8, started=T0 - 9000, pid=1002)]] * 2
    fleet = ExampleFleet(sentinel=False).set_reply("active", running).work_waits()
    fleet.declared()["limits"] = {}
    return fleet.process_says(1001, wchan="wait_woken").process_says(1002, wchan="wait_woken")


def fresh_start():
    return ExampleFleet(sentinel=False).silent().main_says(age=20.0)


def fresh_start_with_sentinel():
    return (
        ExampleFleet().silent().main_says(age=20.0).beat_says(state="starting", ready_at=None, loop_age=None, queues=[])
    )


def slow_import():
    fleet = ExampleFleet().silent().main_says(age=100.0, cpu_seconds=0.9, switches=40)
    return fleet.beat_says(state="starting", ready_at=None, loop_age=None, queues=[])


def stopping():
    return (
        ExampleFleet().silent().service_says(state="deactivating", substate="stop-sigterm").beat_says(state="draining")
    )


def maintenance():
    fleet = ExampleFleet(sentinel=False).set_reply("active_queues", [[]] * 2).work_waits()
    fleet.declared()["maintenance"] = True
    return fleet


def first_restart():
    return ExampleFleet().silent().service_says(restarts=(0, 1)).main_says(age=4.0).beat_says(written_at=LONG_AGO)


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


def queue_refilled():
    """Work waits in both samples because more comes in than a moment takes."""
    return ExampleFleet().work_waits().total(100, 160)


def burst_of_work():
    """Work has just come; the sentinel, which looks all the time, finds nothing wrong."""
    return ExampleFleet().work_waits()


def others_work_waits():
    return ExampleFleet().queue_says("reports", ready=50)


def broker_was_away():
    """The first sample failed; what hung then may already be on its way back."""
    fleet = catatonic()
    fleet.broker[0]["result"]["broker"].update(reachable=False, layer="tcp", error="connection refused")
    return fleet


def broker_restarted():
    fleet = no_socket()
    fleet.facts["uptime"] = 10
    return fleet


def nat_between():
    """No node is found among the broker's clients: addresses cannot be compared, and nobody has a label."""
    fleet = ExampleFleet(sentinel=False)
    for sample in fleet.broker:
        sample["result"]["clients"] = [{"name": "", "address": "203.0.113.7:5555", "idle": 0, "blocked": True}]
    return fleet


def stood_aside():
    """The sentinel's file is old, because it cannot write it; the worker answers and works."""
    return ExampleFleet().beat_says(written_at=LONG_AGO)


def futex_in_threads():
    running = [[task(number=7, started=T0 - 100, pid=1001)]] * 2
    fleet = ExampleFleet(sentinel=False).set_reply("active", running)
    return fleet.process_says(1001, wchan="futex_wait_queue", threads=4)


def drift_by_an_uncertain_clock():
    fleet = ExampleFleet()
    for sample in fleet.hosts["web1"]:
        sample["result"]["clock"].update(offset=20.0, uncertainty=10.0)
    return fleet


def autoscaled_to_nothing():
    """Celery reads a single number as the most processes: the pool of an idle worker may then be empty."""
    fleet = ExampleFleet(sentinel=False)
    fleet.declared()["autoscale"] = instance({"name": "w1", "autoscale": 3}, "web1")["autoscale"]
    for reply, look in zip(fleet.replies(), fleet.looks(), strict=True):
        reply["stats"]["pool"]["processes"] = []
        look["processes"] = [one for one in look["processes"] if one["role"] == "main"]
    return fleet


ALARMS = [
    (autoscaled_to_nothing, "idle"),
    (solo_busy, "busy"),
    (solo_saturated, "saturated"),
    (solo_busy_without_limit, "busy"),
    (solo_busy_without_sentinel, "busy"),
    (solo_counting_without_sentinel, "busy"),
    (solo_silent_without_a_sign, "insufficient_evidence"),
    (gevent_busy_loop, "busy"),
    (remote_control_off, "idle"),
    (remote_control_off_at_work, "busy"),
    (rate_limited, "busy"),
    (rate_limited_and_blind, "busy"),
    (rate_limits_not_known, "insufficient_evidence"),
    (silent_while_its_pool_works, "control_unreachable"),
    (normal_schedule, "busy"),
    (long_lawful_task, "busy"),
    (all_slots_long, "saturated"),
    (fresh_start, "starting"),
    (fresh_start_with_sentinel, "starting"),
    (slow_import, "starting"),
    (stopping, "draining"),
    (maintenance, "draining"),
    (first_restart, "starting"),
    (one_child_per_task, "busy"),
    (one_late_child, "busy"),
    (slow_probe, "control_unreachable"),
    (queue_refilled, "busy"),
    (burst_of_work, "idle"),
    (others_work_waits, "idle"),
    (broker_was_away, "insufficient_evidence"),
    (broker_restarted, "insufficient_evidence"),
    (nat_between, "idle"),
    (stood_aside, "idle"),
    (futex_in_threads, "busy"),
    (drift_by_an_uncertain_clock, "idle"),
]
