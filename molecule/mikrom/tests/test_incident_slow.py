"""Tasks are slow. The document adds a second worker to the host, and gives urgent tasks a priority."""

from __future__ import annotations

import json

import pytest
from helpers import APPS, deployed, host_named, wait_for
from lab import Ledger, pids, playbook

pytestmark = pytest.mark.whole

QUEUE = "mikrom:queue"


def order(host):
    return host.on.run(f"cat {host.facts['environment']['MIKROM_LEDGER']}").stdout.split()


def test_a_second_worker_beside_the_first():
    first = [{"name": "celery", "queues": [QUEUE], "pool": "prefork", "concurrency": 4}]
    second = [*first, {"name": "worker2", "queues": [QUEUE], "pool": "prefork", "concurrency": 2}]
    host, before = host_named("omega"), pids()
    with Ledger(host, "provision_task", args=[0.5], queues=[QUEUE], rate=4) as ledger:
        deployed("--limit=omega", "--extra-vars", json.dumps({"celery_worker_instances": second}))
        three = {"celery@alpha", "celery@omega", "worker2@omega"}
        wait_for(lambda: set(host.inspect("ping")) == three, "the second worker answers beside the first")
        deployed("--limit=omega")
        wait_for(lambda: set(host.inspect("ping")) == three - {"worker2@omega"}, "the second worker is gone")
        assert ledger.lost() == {}
    assert set(ledger.done().values()) == {1}
    assert pids() == before
    assert playbook("health").ill == {}


def test_priorities_are_obeyed():
    """On Redis 0 is the most urgent, not 9 as the document says."""
    [app] = APPS
    host = app.host
    slots = sum(4 for _worker in app.workers)
    with Ledger(host, "provision_task", args=[8], queues=[QUEUE], rate=50, limit=slots * 2) as full:
        wait_for(lambda: len(full.sent) == slots * 2, "all slots are busy, and all prefetched")
    ledgers = {}
    for priority in (9, 5, 0):
        with Ledger(host, "provision_task", args=[0.5], queues=[QUEUE], rate=50, limit=8, priority=priority) as sent:
            wait_for(lambda sent=sent: len(sent.sent) == 8, "all are sent")
        ledgers[sent.name] = priority
    assert full.lost() == {}

    def ran():
        lines = [line for worker in app.workers for line in order(worker.host)]
        return [ledgers[line.partition("-")[0]] for line in lines if line.partition("-")[0] in ledgers]

    wait_for(lambda: len(ran()) == 24, "all are done")
    for worker in app.workers:
        own = [ledgers[line.partition("-")[0]] for line in order(worker.host) if line.partition("-")[0] in ledgers]
        # Those of one moment run side by side, so neighbours may change places.
        assert own[:3].count(9) == 0, own
        assert own[-3:].count(0) == 0, own
    assert playbook("health").ill == {}
