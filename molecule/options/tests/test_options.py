"""What was set is what runs."""

from __future__ import annotations

import json

from helpers import Service
from waiting import PATIENCE, wait_for


def test_environment_arrives_as_written(app):
    assert app.host.call("environment", "SHOP_MOTTO", queue="default") == app.host.facts["environment"]["SHOP_MOTTO"]


def test_instance_has_its_own_environment(app):
    assert app.host.call("environment", "SHOP_INSTANCE", queue="default") == "prefork"
    assert app.host.call("environment", "SHOP_INSTANCE", queue="threads") is None


def test_application_is_started_by_its_own_command(app):
    assert app.host.call("environment", "SHOP_SET_UP", queue="default") == (
        "yes" if app.host.name == "rabbit" else None
    )


def test_command_with_the_environment_starts_celery(worker_host):
    facts = worker_host.facts
    run = f"{facts['bin_dir']}/{worker_host.app}-run celery -A {facts['module']} inspect ping -d prefork@{worker_host.name}"
    assert "pong" in worker_host.check(run)


def test_ledger_is_written(app):
    entry = f"entry-of-{app.name}"
    app.host.call("sleep_for", 0, entry, queue="default")
    ledger = app.host.facts["environment"]["SHOP_LEDGER"]
    assert app.host.check(f"grep -c {entry} {ledger}") == "1"


POOLS = {"prefork": "prefork", "scaled": "prefork", "threads": "thread", "gevent": "gevent", "solo": "solo"}


def test_pool(worker):
    pool = worker.host.answers("stats", worker.node)[worker.node]["pool"]
    assert POOLS[worker.instance] in pool["implementation"]


FILES = {
    "systemd": ("/etc/systemd/system", "TimeoutStopSec", ".service"),
    "supervisor": ("/etc/supervisor/conf.d", "stopwaitsecs", ".conf"),
}


def test_concurrency_and_prefetch(worker_host):
    node = f"prefork@{worker_host.name}"
    stats = worker_host.answers("stats", node)[node]
    assert stats["pool"]["max-concurrency"] == 2
    assert stats["pool"]["max-tasks-per-child"] == 50
    assert stats["prefetch_count"] == 2


def test_autoscale(worker_host):
    node = f"scaled@{worker_host.name}"
    scaler = worker_host.answers("stats", node)[node]["autoscaler"]
    assert (scaler["max"], scaler["min"]) == (3, 1)


def test_instance_has_its_own_limits(worker_host):
    node = f"scaled@{worker_host.name}"
    assert worker_host.call("timeouts", queue="reports")["environment"] == {
        "ANSIBLE_PLAYBOOK_TIMEOUT": "300",
        "CELERY_OPERATION_TIMEOUT": "300",
        "CELERY_TASK_SOFT_TIME_LIMIT": "400",
        "CELERY_TASK_HARD_TIME_LIMIT": "500",
    }
    assert list(worker_host.answers("stats", node)[node]["pool"]["timeouts"]) == [400, 500]
    assert worker_host.answers("conf", node)[node]["worker_soft_shutdown_timeout"] == 60


def test_stop_has_the_time_of_its_instance(worker_host):
    directory, form, ending = FILES[worker_host.manager]
    for instance, seconds in (("scaled", 600), ("prefork", 240), ("threads", 240)):
        path = f"{directory}/{Service(worker_host, 'worker', instance).name}{ending}"
        assert worker_host.check(f"grep -c '^{form}={seconds}$' {path}") == "1"
    if worker_host.manager == "supervisor":
        assert worker_host.check("systemctl show --property=TimeoutStopUSec --value supervisor.service") == "11min"


def test_stopped_instance_is_stopped(worker_host):
    spare = Service(worker_host, "worker", "spare")
    assert spare.is_known
    assert not spare.is_running


def test_logs_are_files(worker):
    path = f"{worker.host.facts['log_dir']}/{worker.log_name}.log"
    assert worker.host.on.file(path).user == worker.host.facts["user"]
    assert worker.host.on.file(path).size > 0


def test_healthcheck_is_recorded(worker):
    path = f"{worker.host.facts['run_dir']}/health/{worker.instance}.json"

    def healthy():
        file = worker.host.on.file(path)
        return file.exists and json.loads(file.content_string).get("status") == "healthy"

    # It asks every 90 s, and its first questions may come before the worker can answer.
    wait_for(healthy, f"{path} says healthy", timeout=2 * PATIENCE)


def test_flower_keeps_its_state(flower_host):
    path = flower_host.facts["flower_db"]
    flower = Service(flower_host, "flower")
    flower.stop()
    flower.start()
    # The dbm that Python picks may add an ending.
    owners = flower_host.check(f"find {path.rpartition('/')[0]} -name '{path.rpartition('/')[2]}*' -printf '%u\\n'")
    assert set(owners.split()) == {flower_host.facts["user"]}
    wait_for(lambda: flower.is_running, "Flower runs again")
