# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that are up and do not work, and some that only look like it, built where no recording shows the same.

Each function returns a fleet; FLEETS has the reason to be found for w1@web1.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import instance
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import HOUR, T0, ExampleFleet, task

LONG_AGO = T0 - HOUR


def main_stopped_one_look():
    fleet = ExampleFleet(samples=1, sentinel=False).silent().main_says(state="T", switches=0)
    fleet.control *= 2
    return fleet


def loop_blocked():
    return ExampleFleet().silent().beat_says(loop_age=(40.0, 45.0))


def loop_blocked_by_sentinel():
    return (
        ExampleFleet().silent().beat_says(problem="loop_stalled", detail="not turned for 40 s", loop_age=(12.0, 12.0))
    )


def interpreter_blocked():
    return ExampleFleet().silent().beat_says(written_at=LONG_AGO).main_says(switches=0)


def loop_blocked_without_sentinel():
    fleet = ExampleFleet(sentinel=False).silent()
    for number, sample in enumerate(fleet.broker):
        for client in sample["result"]["clients"]:
            if client["name"] == "w1@web1":
                client.update(idle=30 + 5 * number, blocked=False)
    return fleet


def loop_asleep_while_work_waits():
    return ExampleFleet(sentinel=False).silent().main_says(switches=0).work_waits()


def failed_over():
    """An address moved: both connections of the node are dead, so it does not answer either."""
    return ExampleFleet(sentinel=False).silent().not_listed().work_waits()


def channel_closed_and_silent():
    return ExampleFleet(kind="rabbitmq", sentinel=False).silent().queue_says(consumers=0, ready=3)


def no_socket():
    fleet = ExampleFleet(sentinel=False).silent().not_listed()
    for look in fleet.looks():
        look["sockets"] = []
    return fleet


def consumer_timed_out():
    """RabbitMQ has closed the channel; the worker still names its queue."""
    return ExampleFleet(kind="rabbitmq", sentinel=False).queue_says(consumers=0, ready=3)


def catatonic_without_queues():
    return ExampleFleet(sentinel=False).set_reply("active_queues", [[], []]).work_waits()


def pool_empty():
    fleet = ExampleFleet(sentinel=False).set_reply("reserved", [[task(number=7)], [task(number=7)]])
    for reply, look in zip(fleet.replies(), fleet.looks(), strict=True):
        reply["stats"]["pool"]["processes"] = []
        look["processes"] = [one for one in look["processes"] if one["role"] == "main"]
    return fleet


def solo_silent_without_a_sign():
    return ExampleFleet(pool="solo", sentinel=False).silent().work_waits().main_says(switches=0)


def silent_while_its_pool_works():
    """No waiting client and no answer: its slots are full, so it does not ask for work."""
    return failed_over().process_says(1001, cpu_seconds=0.5, switches=30)


def long_lawful_task():
    running = [[task(number=7, started=T0 - 200, pid=1001)]] * 2
    return ExampleFleet(sentinel=False).set_reply("active", running).process_says(1001, wchan="do_sys_poll")


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
    fleet = ExampleFleet(sentinel=False).work_waits()
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


def autoscaled_to_nothing():
    """Celery reads a single number as the most processes: the pool of an idle worker may then be empty."""
    fleet = ExampleFleet(sentinel=False)
    fleet.declared()["autoscale"] = instance({"name": "w1", "autoscale": 3}, "web1")["autoscale"]
    for reply, look in zip(fleet.replies(), fleet.looks(), strict=True):
        reply["stats"]["pool"]["processes"] = []
        look["processes"] = [one for one in look["processes"] if one["role"] == "main"]
    return fleet


FLEETS = [
    (main_stopped_one_look, "loop_stalled"),
    (loop_blocked, "loop_stalled"),
    (loop_blocked_by_sentinel, "loop_stalled"),
    (interpreter_blocked, "loop_stalled"),
    (loop_blocked_without_sentinel, "loop_stalled"),
    (loop_asleep_while_work_waits, "loop_stalled"),
    (failed_over, "connection_lost"),
    (channel_closed_and_silent, "connection_lost"),
    (no_socket, "connection_lost"),
    (consumer_timed_out, "connection_lost"),
    (catatonic_without_queues, "not_consuming"),
    (pool_empty, "pool_dead"),
    (solo_silent_without_a_sign, "insufficient_evidence"),
    (silent_while_its_pool_works, "control_unreachable"),
    (long_lawful_task, "busy"),
    (queue_refilled, "busy"),
    (burst_of_work, "idle"),
    (others_work_waits, "idle"),
    (broker_was_away, "insufficient_evidence"),
    (broker_restarted, "insufficient_evidence"),
    (nat_between, "idle"),
    (stood_aside, "idle"),
    (futex_in_threads, "busy"),
    (autoscaled_to_nothing, "idle"),
]
