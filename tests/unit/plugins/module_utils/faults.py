# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults as evidence: built from measured facts until each is recorded.

Each function returns a fleet in which w1@web1 has the fault. FAULTS has the reason to be found.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import HOUR, T0, ExampleFleet, task

LONG_AGO = T0 - HOUR


# -- Stuck


def hung_in_mingle():
    return (
        ExampleFleet()
        .silent()
        .beat_says(state="starting", ready_at=None, loop_age=None, queues=[])
        .main_says(age=400.0)
    )


def hung_in_mingle_under_notify():
    return ExampleFleet(sentinel=False).silent().service_says(state="activating", substate="start").main_says(age=400.0)


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


def main_stopped():
    return ExampleFleet().silent().main_says(state="T", switches=0).beat_says(written_at=LONG_AGO)


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


def half_open():
    """Pings and active_queues are well; the broker has no waiting client of the node."""
    return ExampleFleet(sentinel=False).not_listed()


def half_open_with_work():
    return (
        ExampleFleet()
        .not_listed()
        .work_waits()
        .beat_says(problem="connection_lost", detail="the connection is silent for 30 s")
    )


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


def catatonic():
    """A pong, its queues, work that waits, and none taken."""
    return ExampleFleet(sentinel=False).work_waits()


def catatonic_without_queues():
    return ExampleFleet(sentinel=False).set_reply("active_queues", [[], []]).work_waits()


def catatonic_by_sentinel():
    return ExampleFleet().work_waits().beat_says(problem="not_consuming", detail="3 waiting, none taken for 12 s")


def child_stopped():
    """One of two processes is stopped: the other goes on, and what the first was given is never begun."""
    fleet = ExampleFleet(sentinel=False).total(100, 104).set_reply("reserved", [[task(number=7)], [task(number=7)]])
    return fleet.process_says(1001, state="T", switches=0)


def child_stopped_by_sentinel():
    return ExampleFleet().beat_says(problem="pool_dead", detail="stopped pool process 1001")


def child_locked():
    running = [[task(number=7, started=LONG_AGO, pid=1001)]] * 2
    fleet = ExampleFleet(sentinel=False).set_reply("active", running)
    fleet.declared()["limits"] = {}
    return fleet.process_says(1001, wchan="futex_wait_queue")


def pool_empty():
    fleet = ExampleFleet(sentinel=False).set_reply("reserved", [[task(number=7)], [task(number=7)]])
    for reply, look in zip(fleet.replies(), fleet.looks(), strict=True):
        reply["stats"]["pool"]["processes"] = []
        look["processes"] = [one for one in look["processes"] if one["role"] == "main"]
    return fleet


def task_never_begun():
    return ExampleFleet(sentinel=False).set_reply("reserved", [[task(number=7)], [task(number=7)]])


# -- Down


def stopped():
    return ExampleFleet().gone()


def killed_for_good():
    return ExampleFleet().gone(state="failed", substate="failed", result="oom-kill")


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


def cannot_start():
    return ExampleFleet().gone(state="failed", substate="failed", result="exit-code", exit_code=203)


# -- Misconfigured


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


def twins():
    fleet = ExampleFleet()
    for reply in fleet.replies():
        reply["stats"]["pid"] = 9999
        reply["stats"]["pool"]["processes"] = [10000, 10001]
    return fleet


def twins_seen():
    fleet = ExampleFleet()
    for sample in fleet.control:
        sample["result"]["duplicates"] = ["w1@web1"]
    return fleet


def no_result_backend():
    fleet = ExampleFleet()
    fleet.facts["result_backend"] = {"reachable": False, "error": "tcp: timed out"}
    return fleet


def start_waits_for_result_backend():
    """From Celery 5.5 on, a start makes the tables of a database that is the result backend."""
    fleet = hung_in_mingle()
    fleet.facts["result_backend"] = {"reachable": False, "error": "protocol: no answer"}
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


# -- Unknown


def broker_down():
    return ExampleFleet(sentinel=False).broker_down()


def broker_down_with_sentinel():
    fleet = ExampleFleet().broker_down()
    return fleet.beat_says(state="broker_down", broker={"connected": False, "reachable": False, "waiting": None})


def broker_full():
    return ExampleFleet().broker_refuses()


def broker_read_only():
    return ExampleFleet().broker_refuses("READONLY You can't write against a read only replica.")


def broker_alarm():
    fleet = ExampleFleet(kind="rabbitmq").deaf()
    fleet.facts["alarms"] = ["memory"]
    return fleet


def broker_mute():
    """The broker answers the probe, and no worker does: the most common cause is the broker, or the way to it."""
    return ExampleFleet(sentinel=False).deaf()


def only_the_workers_host_is_cut_off():
    return (
        ExampleFleet()
        .silent()
        .beat_says(state="broker_down", broker={"connected": False, "reachable": False, "waiting": None})
    )


def host_gone():
    return ExampleFleet().silent().host_lost()


def host_gone_pong_only():
    return ExampleFleet().host_lost()


def probe_broken():
    fleet = ExampleFleet(sentinel=False)
    for sample in fleet.control:
        sample["result"].update(nodes={}, silent=[], probe={"ok": False, "error": "the application does not import"})
    return fleet


def nothing_known():
    fleet = ExampleFleet()
    fleet.control, fleet.broker, fleet.hosts = [], [], {}
    return fleet


def pong_alone():
    fleet = ExampleFleet()
    for sample in fleet.control:
        sample["result"]["nodes"] = {"w1@web1": {"ping": "pong"}}
    fleet.broker, fleet.hosts = [], {}
    return fleet


def silence_alone():
    fleet = ExampleFleet().silent()
    fleet.hosts = {}
    return fleet


FAULTS = [
    (hung_in_mingle, "hung_in_startup"),
    (hung_in_mingle_under_notify, "hung_in_startup"),
    (hung_in_start_with_one_heartbeat, "hung_in_startup"),
    (hung_in_mingle_by_the_log, "hung_in_startup"),
    (main_stopped, "loop_stalled"),
    (main_stopped_one_look, "loop_stalled"),
    (loop_blocked, "loop_stalled"),
    (loop_blocked_by_sentinel, "loop_stalled"),
    (interpreter_blocked, "loop_stalled"),
    (loop_blocked_without_sentinel, "loop_stalled"),
    (loop_asleep_while_work_waits, "loop_stalled"),
    (half_open, "connection_lost"),
    (half_open_with_work, "connection_lost"),
    (failed_over, "connection_lost"),
    (channel_closed_and_silent, "connection_lost"),
    (no_socket, "connection_lost"),
    (consumer_timed_out, "connection_lost"),
    (catatonic, "not_consuming"),
    (catatonic_without_queues, "not_consuming"),
    (catatonic_by_sentinel, "not_consuming"),
    (child_stopped, "pool_dead"),
    (child_stopped_by_sentinel, "pool_dead"),
    (child_locked, "pool_dead"),
    (pool_empty, "pool_dead"),
    (task_never_begun, "pool_dead"),
    (stopped, "not_running"),
    (killed_for_good, "not_running"),
    (poison_loop, "crash_looping"),
    (memory_limit_met, "crash_looping"),
    (gave_up, "crash_looping"),
    (restarts_rise, "crash_looping"),
    (ended_in_the_look, "crash_looping"),
    (cannot_start, "start_failed"),
    (cancelled_consumer, "wrong_queues"),
    (cancelled_all_consumers, "wrong_queues"),
    (without_task, "missing_tasks"),
    (wrong_clock, "clock_drift"),
    (twins, "duplicate_name"),
    (twins_seen, "duplicate_name"),
    (no_result_backend, "result_backend_unreachable"),
    (start_waits_for_result_backend, "result_backend_unreachable"),
    (fork_spiral, "pool_respawning"),
    (full_of_eta, "prefetch_full"),
    (past_its_limit, "task_overrun"),
    (silent_but_at_work, "control_unreachable"),
    (silent_but_confirmed, "control_unreachable"),
    (silent_with_busy_pool, "control_unreachable"),
    (broker_down, "broker_unreachable"),
    (broker_down_with_sentinel, "broker_unreachable"),
    (broker_mute, "broker_unreachable"),
    (only_the_workers_host_is_cut_off, "broker_unreachable"),
    (broker_full, "broker_refusing"),
    (broker_read_only, "broker_refusing"),
    (broker_alarm, "broker_refusing"),
    (host_gone, "host_unreachable"),
    (host_gone_pong_only, "host_unreachable"),
    (probe_broken, "probe_failed"),
    (nothing_known, "insufficient_evidence"),
    (pong_alone, "insufficient_evidence"),
    (silence_alone, "insufficient_evidence"),
]
