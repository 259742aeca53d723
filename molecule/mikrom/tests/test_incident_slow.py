"""Tasks are slow. The document adds a second worker to the host, and gives urgent tasks a priority."""

from __future__ import annotations

import json
import statistics

import pytest
from helpers import APPS, Gate, deployed, host_named
from lab import Ledger, concluded, pids
from waiting import wait_for

pytestmark = pytest.mark.whole

QUEUE = "mikrom:queue"


def order(host):
    return host.on.run(f"cat {host.facts['environment']['MIKROM_LEDGER']}").stdout.split()


def test_second_worker_beside_the_first():
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
    assert concluded("health").unhealthy == {}


def test_priorities_are_obeyed():
    """On Redis 0 is the most urgent, not 9 as the document says."""
    [app] = APPS
    host, ledgers = app.host, {}
    slots = sum(4 for _worker in app.workers)
    boots = {"task": "await_boot_task", "queues": [QUEUE], "rate": 50, "limit": slots}
    with Gate(host) as gate, Ledger(host, args=[gate.path], **boots) as full:
        wait_for(lambda: sum(worker.heartbeat["active_count"] for worker in app.workers) == slots, "all slots are busy")
        for priority in (9, 5, 0):
            with Ledger(
                host, "provision_task", args=[0.5], queues=[QUEUE], rate=50, limit=8, priority=priority
            ) as sent:
                wait_for(lambda sent=sent: len(sent.sent) == 8, "all are sent")
            ledgers[sent.name] = priority
    assert full.lost() == {}

    def ran():
        lines = [line for worker in app.workers for line in order(worker.host)]
        return [ledgers[line.partition("-")[0]] for line in lines if line.partition("-")[0] in ledgers]

    wait_for(lambda: len(ran()) == 24, "all are done")
    for worker in app.workers:
        own = [ledgers[line.partition("-")[0]] for line in order(worker.host) if line.partition("-")[0] in ledgers]
        # Those of one moment run side by side, so neighbours may change places, and one host may be quicker than the other.
        places = {one: [place for place, other in enumerate(own) if other == one] for one in sorted(set(own))}
        means = [statistics.mean(found) for found in places.values()]
        assert means == sorted(means), own
    assert concluded("health").unhealthy == {}
