"""What the service manager and the probes make of what the sentinel says."""

from __future__ import annotations

import functools
import json
import os
import time

from helpers import Gate, Service
from waiting import PATIENCE, wait_for

WATCHDOG = 25  # seconds, of the inventory
# Seconds. Ten minutes are for `make faults`.
OUTAGE = 600 if os.environ.get("TASKFLEET_WHOLE") else 45


def probe(service, *options):
    kind = "worker" if service.instance else service.log_name
    path = f"{service.host.facts['bin_dir']}/{service.app}-{kind}-probe"
    return service.host.on.run(" ".join([path, *options, service.instance]).strip())


def informed(service):
    """What its probe answers; where the whole machine stood still, the heartbeat is old, and the next one is awaited."""
    result = probe(service)
    return None if "the last heartbeat is" in result.stdout else result


def signal(service, name):
    service.host.check(f"kill -{name} {service.pid}")


def redis(host, action):
    host.check(f"systemctl {action} redis-server")


def is_well(service):
    return service.is_running and probe(service).rc == 0


@functools.cache
def stopped(host):
    """Stop the main processes of all services that have a watchdog, at once; return {service: its pid}."""
    services = list(host.workers)
    if host.manager == "systemd":
        services.append(Service(host, "beat"))
    for service in services:
        wait_for(lambda service=service: is_well(service), f"{service.name} is well")
    pids = {service.name: service.pid for service in services}
    host.check(f"kill -STOP {' '.join(map(str, pids.values()))}")
    return pids


def new_process_is_well(service, old):
    wait_for(lambda: service.pid not in (0, old), f"{service.name} is started again")
    wait_for(lambda: is_well(service), f"{service.name} is well again")
    assert not service.host.on.file(f"/proc/{old}").exists


def test_worker_survives_a_restart_by_sighup(worker_host):
    """Celery starts it anew in the same process, and the watchdog, of 25 s, has to hear of that one."""
    worker = worker_host.workers[0]
    wait_for(lambda: is_well(worker), f"{worker.name} is well")
    old, ready_at = worker.pid, worker.heartbeat["ready_at"]
    signal(worker, "HUP")
    wait_for(lambda: (worker.heartbeat["ready_at"] or 0) > ready_at, f"{worker.name} is ready again")
    wait_for(
        lambda: worker.heartbeat["written_at"] > worker.heartbeat["ready_at"] + WATCHDOG + 15,
        "the watchdog had its time",
    )
    assert (worker.pid, is_well(worker)) == (old, True)


def aborted_with_a_traceback(service):
    """After it was stopped, by whoever watches it: systemd, or the listener that stands in for it under supervisor."""
    old = stopped(service.host)[service.name]
    new_process_is_well(service, old)
    # A broker that was down in between leaves a thousand lines of tracebacks.
    log = service.log(100000)
    if service.systemd:
        assert f"Watchdog timeout (limit {WATCHDOG}s)" in log
    else:
        assert f"sending SIGABRT to {old}" in Service(service.host, "worker-health").log(100000)
    assert "Fatal Python error: Aborted" in log
    assert 'File "' in log


def test_unit_waits_for_readiness(worker):
    if worker.systemd:
        shown = worker.host.check(f"systemctl show --property=Type,StatusText,WatchdogUSec {worker.name}.service")
        assert "Type=notify" in shown
        assert f"WatchdogUSec={WATCHDOG}s" in shown
        assert f"queues {','.join(sorted(worker.queues))}" in shown


def test_probe_answers_in_json(worker):
    def healthy():
        result = probe(worker, "--json")
        return result.rc == 0 and json.loads(result.stdout)

    verdict = wait_for(healthy, f"{worker.name} is well")
    assert (verdict["healthy"], verdict["exit"], verdict["node"]) == (True, 0, worker.node)


def test_blocked_process_is_aborted_with_a_traceback(worker):
    aborted_with_a_traceback(worker)


def test_blocked_greenlets_are_aborted(worker_host):
    """The process runs, its loop does not: no signal stopped it."""
    worker = Service(worker_host, "worker", "gevent")
    wait_for(lambda: is_well(worker), f"{worker.name} is well")
    old = worker.pid
    worker_host.client(do="send", task="shop.tasks.hog", args=[600], queue="gevent")
    wait_for(lambda: worker.heartbeat["problem"] == "loop_stalled" or worker.pid != old, "the loop is blocked")
    new_process_is_well(worker, old)


def test_solo_task_explains_a_loop_that_does_not_turn(worker_host):
    worker = Service(worker_host, "worker", "solo")
    wait_for(lambda: is_well(worker), f"{worker.name} is well")
    old, gate = worker.pid, Gate(worker_host)
    with worker_host.follow("work_until", gate.path, queue="reports") as result:
        with gate:
            wait_for(lambda: worker.heartbeat["loop_age"] > WATCHDOG + 1, "the task blocks the loop for too long")
            seen = wait_for(lambda: informed(worker), f"the probe of {worker.name} reads a heartbeat that is not old")
            assert (seen.rc, "runs shop.tasks.work_until" in seen.stdout) == (0, True)
        assert result() == gate.path
    assert worker.pid == old


def spared_until(workers, pids, moment):
    """Whether the sentinels of these workers have written on until then. None may be restarted, or find anything wrong."""
    written = [worker.heartbeat for worker in workers]
    assert [(heartbeat["pid"], heartbeat["problem"]) for heartbeat in written] == [(pid, "") for pid in pids]
    return all(heartbeat["written_at"] > moment for heartbeat in written)


def test_broker_outage_restarts_nobody(worker_host):
    services = [*worker_host.workers, Service(worker_host, "beat")]
    for service in services:
        wait_for(lambda service=service: is_well(service), f"{service.name} is well")
    before = [service.pid for service in services]
    redis(worker_host, "stop")
    try:
        for worker in worker_host.workers:
            wait_for(lambda worker=worker: probe(worker).rc == 3, f"the probe of {worker.name} cannot tell")
        flower = Service(worker_host, "flower")
        wait_for(lambda: probe(flower).rc == 1, "Flower's probe misses the broker")
        end, workers = time.time() + OUTAGE, worker_host.workers
        wait_for(
            lambda: spared_until(workers, before[: len(workers)], end),
            "the sentinels have seen the outage to its end",
            timeout=OUTAGE + PATIENCE,
        )
        assert [service.pid for service in services] == before
    finally:
        redis(worker_host, "start")
    for service in services:
        wait_for(lambda service=service: is_well(service), f"{service.name} is well again")
    assert [service.pid for service in services] == before
    assert worker_host.call("add", 2, 40) == 42


def test_beat_ticks_and_sends(beat_host):
    beat = Service(beat_host, "beat")
    first = beat.heartbeat
    wait_for(lambda: beat.heartbeat["sent_total"] >= first["sent_total"] + 2, "beat sends")
    assert beat.heartbeat["ticks_total"] > first["ticks_total"]


def test_stopped_beat_is_aborted(beat_host):
    beat = Service(beat_host, "beat")
    if beat.systemd:
        aborted_with_a_traceback(beat)
        return
    # Nobody watches beat there, so it is for the probe to say so.
    wait_for(lambda: is_well(beat), "beat is well")
    signal(beat, "STOP")
    wait_for(lambda: probe(beat).rc == 1, "the probe sees that beat is stopped")
    signal(beat, "CONT")
    wait_for(lambda: is_well(beat), "beat is well again")


def test_flower_probe(flower_host):
    flower = Service(flower_host, "flower")
    wait_for(lambda: probe(flower).rc == 0, "Flower is well")
