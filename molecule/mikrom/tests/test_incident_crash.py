"""Workers restart all the time: after a bad deployment, without a module of their own, with too little memory."""

from __future__ import annotations

import json
import shutil

import pytest
from helpers import APPS, PROJECT, Gate, deploy, deployed, failures, host_named
from lab import Ledger, concluded, pids, playbook
from waiting import wait_for

pytestmark = pytest.mark.whole

QUEUE = "mikrom:queue"
TOO_LITTLE = [{"name": "celery", "queues": [QUEUE], "pool": "prefork", "concurrency": 4, "memory_max": "30M"}]
# One consumer, for what is sent there must not meet another worker's memory.
IMAGES = "mikrom:images"
SCARCE = [{**TOO_LITTLE[0], "queues": [QUEUE, IMAGES], "memory_max": "300M"}]
TREE = "/home/mikrom/mikrom-py/mikrom"


def crashes(worker):
    """Whether the service manager has started it more than once, or given up."""
    if worker.systemd:
        return int(worker.host.check(f"systemctl show --property=NRestarts --value {worker.name}.service")) >= 3
    return "FATAL" in worker.host.on.run(f"supervisorctl status {worker.name}").stdout


def test_bad_code_is_named_and_the_deployment_of_good_code_heals():
    [app] = APPS
    first, second = (host_named(name).workers[0] for name in ("omega", "alpha"))
    # Somebody changed the code on the hosts, and restarted the workers.
    first.host.check(f"sh -c 'echo \"import mikrom.nothing_of_this_name\" >> {TREE}/worker/tasks.py'")
    second.host.check(f"mv {TREE} {TREE}.gone")
    for worker in (first, second):
        worker.host.on.run(
            f"systemctl restart --no-block {worker.name}.service"
            if worker.systemd
            else f"supervisorctl signal TERM {worker.name}"
        )
    for worker in (first, second):
        wait_for(lambda worker=worker: crashes(worker), f"{worker.name} crashes again and again")
    with Ledger(first.host, "provision_task", queues=[QUEUE], rate=20, limit=20) as ledger:
        wait_for(lambda: len(ledger.sent) == 20, "tasks are sent meanwhile")
    run = concluded("restart_idle")
    assert {node: verdict for node, (verdict, _reason) in run.verdicts.items()} == dict.fromkeys(app.nodes, "down")
    assert "nothing_of_this_name" in run.causes[first.node]
    assert "No module named 'mikrom'" in run.causes[second.node]
    # A restart does not help, so nobody is restarted.
    assert run.restarted == []
    deployed()
    wait_for(lambda: playbook("health").unhealthy == {}, "all are well")
    assert ledger.lost() == {}
    assert set(ledger.done().values()) == {1}


def test_bad_code_does_not_reach_the_workers(tmp_path):
    """The deployment itself imports the application first."""
    tree = tmp_path / "mikrom"
    shutil.copytree(PROJECT / "molecule/apps/mikrom", tree)
    with (tree / "mikrom/worker/tasks.py").open("a", encoding="utf-8") as file:
        file.write("import mikrom.nothing_of_this_name\n")
    before = pids()
    source = {"type": "path", "path": str(tree), "requirements": "requirements.txt"}
    run = deploy("--extra-vars", json.dumps({"celery_app_source": source}))
    assert run.returncode != 0
    assert "nothing_of_this_name" in failures(run)
    assert pids() == before
    deployed()
    assert pids() == before
    assert concluded("health").unhealthy == {}


def test_memory_limit_is_named_and_a_higher_one_heals():
    [worker] = host_named("omega").workers
    with Ledger(worker.host, "provision_task", queues=[QUEUE], rate=2) as ledger:
        broken = deploy("--limit=omega", "--extra-vars", json.dumps({"celery_worker_instances": TOO_LITTLE}))
        assert broken.returncode != 0
        assert worker.name in failures(broken)
        wait_for(lambda: crashes(worker), f"{worker.name} crashes again and again")
        run = concluded("restart_idle")
        assert run.verdicts[worker.node] == ("down", "crash_looping")
        assert "its memory is limited to 30 MiB" in run.causes[worker.node]
        # A restart does not help, and the other worker is well.
        assert (run.restarted, set(run.unhealthy)) == ([], {worker.node})
        deployed("--limit=omega")
        wait_for(lambda: playbook("health").unhealthy == {}, "all are well")
        assert ledger.lost() == {}
    assert set(ledger.done().values()) == {1}


def test_task_that_meets_the_memory_limit_ends_alone():
    [worker] = host_named("omega").workers
    deployed("--limit=omega", "--extra-vars", json.dumps({"celery_worker_instances": SCARCE}))
    assert "continue" in worker.host.check(f"systemctl show --property=OOMPolicy {worker.name}.service")
    pid = worker.pid
    boot = {"task": "await_boot_task", "queues": [IMAGES], "limit": 1}
    with Gate(worker.host) as gate, Ledger(worker.host, args=[gate.path], **boot) as ledger:
        wait_for(lambda: worker.heartbeat["active_count"] == 1, "a task is at work")
        worker.host.client(do="send", task="image_task", args=[1024], queue=IMAGES)
        wait_for(
            lambda: ("out_of_memory", worker.node) in playbook("health").findings,
            "the kernel has killed the greedy one",
        )
        assert worker.pid == pid
        assert worker.is_running
    assert ledger.lost() == {}
    deployed("--limit=omega")
    wait_for(lambda: playbook("health").unhealthy == {}, "all are well")
