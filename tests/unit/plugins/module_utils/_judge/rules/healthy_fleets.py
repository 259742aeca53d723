# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that work in a way that looks like a fault, built where no recording shows the same.

Each function returns a fleet; FLEETS has the reason to be found for w1@web1.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import T0, ExampleFleet, task


def solo_busy():
    fleet = ExampleFleet(pool="solo").silent().work_waits().main_says(switches=0)
    running = [{"id": "id-1", "name": "shop.slow", "started": T0 - 60, "soft": None, "hard": 240, "pid": 1000}]
    return fleet.beat_says(loop_age=(55.0, 60.0), active=running, active_count=1)


def solo_busy_without_limit():
    fleet = solo_busy()
    fleet.declared()["limits"] = {}
    running = [{"id": "id-1", "name": "shop.slow", "started": T0 - 9000, "soft": None, "hard": None, "pid": 1000}]
    return fleet.beat_says(active=running)


def solo_busy_without_sentinel():
    return ExampleFleet(pool="solo", sentinel=False).silent().queue_says(unacked=1).main_says(switches=0)


def solo_counting_without_sentinel():
    return ExampleFleet(pool="solo", sentinel=False).silent().main_says(cpu_seconds=1.0, switches=50)


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


def normal_schedule():
    waits = [{"eta": "2026-12-01T00:00:00+00:00", "priority": 6, "request": task(number=7)}]
    return ExampleFleet(sentinel=False).set_reply("scheduled", [waits, waits])


def all_slots_long():
    """Tasks without a limit hold every slot: for the operator to decide, not for a restart."""
    running = [[task(number=7, started=T0 - 9000, pid=1001), task(number=8, started=T0 - 9000, pid=1002)]] * 2
    fleet = ExampleFleet(sentinel=False).set_reply("active", running).work_waits()
    fleet.declared()["limits"] = {}
    return fleet.process_says(1001, wchan="wait_woken").process_says(1002, wchan="wait_woken")


def rate_limits_not_known():
    fleet = rate_limited_and_blind()
    for reply in fleet.replies():
        del reply["rate_limits"]
    return fleet


FLEETS = [
    (solo_busy, "busy"),
    (solo_busy_without_limit, "busy"),
    (solo_busy_without_sentinel, "busy"),
    (solo_counting_without_sentinel, "busy"),
    (gevent_busy_loop, "busy"),
    (remote_control_off, "idle"),
    (remote_control_off_at_work, "busy"),
    (rate_limited_and_blind, "busy"),
    (rate_limited, "busy"),
    (normal_schedule, "busy"),
    (all_slots_long, "saturated"),
    (rate_limits_not_known, "insufficient_evidence"),
]
