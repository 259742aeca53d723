"""The manager of virtual machines is deployed as its documents say."""

from __future__ import annotations

import json

from helpers import APPS
from waiting import PATIENCE, wait_for

SCHEDULE = """
import json
from mikrom.celery_app import celery_app
print(json.dumps({name: [entry["task"], str(entry["schedule"])] for name, entry in celery_app.conf.beat_schedule.items()}))
"""
ENTRIES = {
    "cleanup-old-vms": ["mikrom.worker.tasks.cleanup_old_vms", "<crontab: 0 2 * * * (m/h/dM/MY/d)>"],
    "health-check": ["mikrom.worker.tasks.health_check", "<crontab: 0 * * * * (m/h/dM/MY/d)>"],
    "sync-status": ["mikrom.worker.tasks.sync_vm_status", "300.0"],
    "weekly-report": ["mikrom.worker.tasks.generate_report", "<crontab: 0 9 * * 1-5 (m/h/dM/MY/d)>"],
}
OPERATIONS = {"create_vm_task", "delete_vm_task", "restart_vm_task", "start_vm_task", "stop_vm_task"}


def test_pool_queue_and_tasks(worker):
    pool = worker.host.answers("stats", worker.node)[worker.node]["pool"]
    assert "prefork" in pool["implementation"]
    assert pool["max-concurrency"] == 4
    [queue] = worker.host.answers("active_queues", worker.node)[worker.node]
    assert queue["name"] == "mikrom:queue"
    assert set(worker.host.answers("registered", worker.node)[worker.node]) >= OPERATIONS


def test_layers_of_timeouts(app):
    [reply] = app.host.client(do="call", task="debug_task")
    limits = {name: value for name, value in reply["settings"].items() if "LIMIT" in name or "ANSIBLE" in name}
    assert limits == {
        "ANSIBLE_SSH_TIMEOUT": 30,
        "ANSIBLE_PLAYBOOK_TIMEOUT": 120,
        "CELERY_TASK_SOFT_TIME_LIMIT": 180,
        "CELERY_TASK_HARD_TIME_LIMIT": 240,
    }


def test_schedule_is_that_of_the_document(beat_host):
    run = f"{beat_host.facts['bin_dir']}/{beat_host.app}-run"
    output = beat_host.python(SCHEDULE, run, "env", "--unset=MIKROM_BEAT_SCALE", "python", "-B", "-")
    assert json.loads(output) == ENTRIES
    found = beat_host.ask("celery_app_info")
    assert (found["beat_entries"], found["beat_crontabs"]) == (len(ENTRIES), 3)


def test_beat_sends(beat_host):
    [app] = APPS

    def sent():
        stats = beat_host.answers("stats", *app.nodes)
        return sum(node["total"].get("mikrom.worker.tasks.sync_vm_status", 0) for node in stats.values())

    before = sent()
    wait_for(lambda: sent() > before, "the entry of every five minutes, here three seconds, reaches a worker")


def test_healthcheck_is_that_of_the_document(worker):
    """A ping of the own node; its outcome is recorded."""
    path = f"{worker.host.facts['run_dir']}/health/{worker.instance}.json"

    def healthy():
        verdict = json.loads(worker.host.on.run(f"cat {path}").stdout or "{}")
        return verdict if verdict.get("status") == "healthy" else None

    # It asks every 30 s.
    verdict = wait_for(healthy, f"{path} says healthy", timeout=2 * PATIENCE)
    assert verdict["reason"] == f"pong from {worker.node}"


def test_home_of_the_document(machine):
    tree = machine.on.file("/home/mikrom/mikrom-py/mikrom")
    assert (tree.user, tree.group, tree.is_directory) == ("mikrom", "mikrom", True)
