"""Tasks pile up. The document: `inspect active`, then `purge`, which throws them away."""

from __future__ import annotations

import pytest
from helpers import host_named, wait_for
from lab import Ledger, pids, playbook

pytestmark = pytest.mark.whole

NODE = "celery@market"
TASK = "promotions.tasks.confirm_purchase"


def test_too_few_processes():
    host, before = host_named("market"), pids()
    try:
        with Ledger(host, TASK, args=[1], queues=["celery"], rate=100, limit=200) as ledger:
            wait_for(lambda: len(ledger.sent) == 200, "all are sent")
            run = playbook("health", celery_health_max_queue=50)
            assert run.verdicts == {NODE: ("healthy", "saturated")}, run.causes
            assert ("queue_backlog", "celery") in run.findings
            assert run.rc == 0, run.stdout
            scaled = playbook("scale", celery_scale={"celery": {"concurrency": 8}}, celery_scale_timeout=60)
            assert scaled.rc == 0, scaled.stdout
            wait_for(lambda: len(ledger.done()) == 200, "the backlog is worked off")
            assert set(ledger.done().values()) == {1}
        run = playbook("health", celery_health_max_queue=50)
        assert (run.ill, ("queue_backlog", "celery") in run.findings) == ({}, False), run.causes
    finally:
        back = playbook("scale", celery_scale_timeout=60)
    assert back.rc == 0, back.stdout
    [stats] = host.inspect("stats", NODE).values()
    assert len(stats["pool"]["processes"]) == 2
    assert pids() == before


def test_purge_can_be_undone():
    host = host_named("market")
    dump = "/var/lib/marketplace/purged.jsonl"
    host.check(f"rm -f {dump}")
    assert playbook("purge", celery_queues=["celery"]).rc != 0
    with Ledger(host, TASK, args=[2], queues=["celery"], rate=100, limit=40) as ledger:
        wait_for(lambda: len(ledger.sent) == 40, "all are sent")
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
    assert playbook("health").ill == {}
