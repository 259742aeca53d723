"""Tasks pile up. The document: `inspect active`, then `purge`, which throws them away."""

from __future__ import annotations

import contextlib

import pytest
from helpers import Gate, Service, host_named
from lab import Ledger, concluded, pids, playbook
from waiting import wait_for

pytestmark = pytest.mark.whole

NODE = "celery@market"
TASK = "promotions.tasks.confirm_purchase"
PAYMENT = "promotions.tasks.await_payment"


@contextlib.contextmanager
def occupied(host):
    """Keep both processes of the pool at a task, so that what is sent meanwhile waits."""
    worker = Service(host, "worker", "celery")

    def at_work():
        return [task["name"] for task in worker.heartbeat["active"]]

    payments = {"task": PAYMENT, "queues": ["celery"], "rate": 20, "limit": 2}
    with Gate(host) as gate, Ledger(host, args=[gate.path], **payments) as ledger:
        wait_for(lambda: at_work() == [PAYMENT, PAYMENT], "both processes wait for a payment")
        yield
    assert ledger.lost() == {}


def sent(host, count, seconds=0):
    """Send tasks; the ledger that has them."""
    with Ledger(host, TASK, args=[seconds], queues=["celery"], rate=100, limit=count) as ledger:
        wait_for(lambda: len(ledger.sent) == count, "all are sent")
    return ledger


def test_too_few_processes():
    host, before = host_named("market"), pids()
    try:
        with occupied(host):
            ledger = sent(host, 200, seconds=1)
            run = concluded("health", celery_health_max_queue=50)
            assert run.verdicts == {NODE: ("healthy", "saturated")}, run.causes
            assert ("queue_backlog", "celery") in run.findings
            assert run.rc == 0, run.stdout
        scaled = playbook("scale", celery_scale={"celery": {"concurrency": 8}})
        assert scaled.rc == 0, scaled.stdout
        wait_for(lambda: len(ledger.done()) == 200, "the backlog is worked off")
        assert set(ledger.done().values()) == {1}
        run = concluded("health", celery_health_max_queue=50)
        assert (run.unhealthy, ("queue_backlog", "celery") in run.findings) == ({}, False), run.causes
    finally:
        back = playbook("scale")
    assert back.rc == 0, back.stdout

    def size():
        [stats] = host.answers("stats", NODE).values()
        return len(stats["pool"]["processes"])

    wait_for(lambda: size() == 2, "the pool has its size again")
    assert pids() == before


def test_purge_can_be_undone():
    host = host_named("market")
    dump = "/var/lib/marketplace/purged.jsonl"
    host.check(f"rm -f {dump}")
    assert playbook("purge", celery_queues=["celery"]).rc != 0
    with occupied(host):
        ledger = sent(host, 40)
        purged = playbook("purge", celery_queues=["celery"], celery_confirm=True, celery_dump_to=dump)
        assert purged.rc == 0, purged.stdout
        assert host.on.file(dump).mode == 0o600
        kept = int(host.check(f"grep -c {ledger.name} {dump}"))
        assert kept > 10
    wait_for(lambda: playbook("health").verdicts[NODE][1] != "saturated", "what was taken is done")
    assert len(ledger.done()) <= 40 - kept
    restored = playbook("restore", celery_dump_from=dump)
    assert restored.rc == 0, restored.stdout
    assert playbook("restore", celery_dump_from=dump).rc == 0
    assert ledger.lost() == {}
    assert set(ledger.done().values()) == {1}
    assert concluded("health").unhealthy == {}
