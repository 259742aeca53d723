# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that are down, start or stop, built where no recording shows the same.

Each function returns a fleet; FLEETS has the reason to be found for w1@web1.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import HOUR, T0, ExampleFleet

LONG_AGO = T0 - HOUR


def hung_in_mingle():
    return (
        ExampleFleet()
        .silent()
        .beat_says(state="starting", ready_at=None, loop_age=None, queues=[])
        .main_says(age=400.0)
    )


def hung_in_start_with_one_heartbeat():
    """Only the last look finds a fresh heartbeat, as on a host that is short of processor time."""
    fleet = hung_in_mingle().service_says(state="activating", substate="start")
    for look in fleet.looks():
        look["processes"] = [one for one in look["processes"] if one["role"] == "main"]
    fleet.looks()[0]["heartbeat"] = None
    return fleet


def hung_in_mingle_by_the_log():
    fleet = ExampleFleet(sentinel=False).silent()
    for look in fleet.looks():
        look["log"]["lines"] = ["Connected to redis://broker:6379/0", "mingle: searching for neighbors"]
    return fleet


def poison_loop():
    fleet = ExampleFleet().gone(
        state="activating", substate="auto-restart", result="exit-code", restarts=7, exit_code=1
    )
    for look in fleet.looks():
        look["log"]["lines"] = ["CRITICAL Unrecoverable error: MemoryError()"]
    return fleet


def memory_limit_met():
    return ExampleFleet().gone(
        state="activating", substate="auto-restart", result="signal", restarts=7, exit_signal=9,
        memory_limit_bytes=30 << 20,
    )  # fmt: skip


def gave_up():
    return ExampleFleet().gone(state="failed", substate="failed", result="start-limit-hit", restarts=5)


def restarts_rise():
    return ExampleFleet().silent().service_says(restarts=(4, 6)).main_says(age=2.0).beat_says(written_at=LONG_AGO)


def ended_in_the_look():
    """The service manager names a process that is gone when processes are listed: a slow host, and a look at that moment."""
    return ExampleFleet().gone(state="activating", substate="start", restarts=4, main_pid=1000)


def twins():
    fleet = ExampleFleet()
    for reply in fleet.replies():
        reply["stats"]["pid"] = 9999
        reply["stats"]["pool"]["processes"] = [10000, 10001]
    return fleet


def start_waits_for_result_backend():
    """From Celery 5.5 on, a start makes the tables of a database that is the result backend."""
    fleet = hung_in_mingle()
    fleet.facts["result_backend"] = {"reachable": False, "error": "protocol: no answer"}
    return fleet


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


FLEETS = [
    (hung_in_mingle, "hung_in_startup"),
    (hung_in_start_with_one_heartbeat, "hung_in_startup"),
    (hung_in_mingle_by_the_log, "hung_in_startup"),
    (poison_loop, "crash_looping"),
    (memory_limit_met, "crash_looping"),
    (gave_up, "crash_looping"),
    (restarts_rise, "crash_looping"),
    (ended_in_the_look, "crash_looping"),
    (twins, "duplicate_name"),
    (start_waits_for_result_backend, "result_backend_unreachable"),
    (fresh_start, "starting"),
    (fresh_start_with_sentinel, "starting"),
    (slow_import, "starting"),
    (stopping, "draining"),
    (maintenance, "draining"),
    (first_restart, "starting"),
]
