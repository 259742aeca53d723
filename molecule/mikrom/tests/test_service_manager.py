"""The service manager of running hosts is changed: supervisor on the one, systemd on the other, and back."""

from __future__ import annotations

import json
import re

import pytest
from helpers import HOSTS, Host, deployed, host_named
from lab import Ledger, concluded

pytestmark = pytest.mark.whole

QUEUE = "mikrom:queue"
INSTANCES = [{"name": name, "queues": [QUEUE], "pool": "prefork", "concurrency": 2} for name in ("celery", "worker2")]
OTHER = {"systemd": "supervisor", "supervisor": "systemd"}
STEP = r"^changed: \[(\w+)\] => \(item=(remove|start|restart|stop) (\S+) "


def moves(old, new):
    """Return the steps that move the workers, one after the other."""
    return [step for pair in zip(old, new, strict=True) for step in zip(("remove", "start"), pair, strict=True)]


def test_services_are_moved_one_by_one_and_no_task_is_lost(tmp_path):
    swapped = tmp_path / "swapped.json"
    managers = {host.name: {"celery_app_service_manager": OTHER[host.manager]} for host in HOSTS}
    swapped.write_text(json.dumps({"celery": {"hosts": managers}}), encoding="utf-8")
    before = [Host({**host.facts, "instances": INSTANCES}) for host in HOSTS]
    after = [Host({**host.facts, "manager": OTHER[host.manager]}) for host in before]
    two_workers = ("--extra-vars", json.dumps({"celery_worker_instances": INSTANCES}))
    try:
        with Ledger(host_named("omega"), "provision_task", args=[0.5], queues=[QUEUE], rate=4) as ledger:
            deployed(*two_workers)
            run = deployed(f"--inventory={swapped}", *two_workers)
            assert [service.name for host in after for service in host.services if not service.is_running] == []
            assert [service.name for host in before for service in host.services if service.is_known] == []
            looked = concluded("health", inventories=[swapped], celery_worker_instances=INSTANCES)
            assert looked.unhealthy == {}
            deployed()
            assert ledger.lost() == {}
        assert set(ledger.done().values()) == {1}
    finally:
        deployed()
    steps = re.findall(STEP, run.stdout, re.MULTILINE)
    for old, new in zip(before, after, strict=True):
        taken = [(action, name) for host, action, name in steps if host == old.name and "-worker" in name]
        names = [[worker.name for worker in host.workers] for host in (old, new)]
        assert [step for step in taken if not step[1].endswith("-health")] == moves(*names)
    assert [service.name for host in after for service in host.services if service.is_known] == []
    assert concluded("health").unhealthy == {}
