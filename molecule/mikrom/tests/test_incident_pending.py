"""Tasks stay PENDING for ever: they wait in a queue that no worker has. The document raises the timeout, or purges."""

from __future__ import annotations

import pytest
from helpers import APPS
from lab import Ledger, concluded, pids, playbook
from waiting import wait_for

pytestmark = pytest.mark.whole


def queue_is_found():
    """Health looks for queues for half a second, which a busy machine may take for something else."""
    run = concluded("health")
    assert run.unhealthy == {}, run.causes
    return ("uncovered_queue", "mikrom") in run.findings


def test_queue_is_named_and_worked_off():
    [app] = APPS
    worker, before = app.workers[0], pids()
    with Ledger(app.host, "provision_task", queues=["mikrom"], rate=20, limit=15) as ledger:
        wait_for(lambda: len(ledger.sent) == 15, "all are sent")
        wait_for(queue_is_found, "health names the queue that nobody consumes")
        # Who sends must be corrected. What waits is taken by one worker for the moment.
        for command in ("add_consumer", "cancel_consumer"):
            worker.host.ask("celery_control", command=command, queue="mikrom", destination=[worker.node])
            assert ledger.lost() == {}
    assert set(ledger.done().values()) == {1}
    run = concluded("health")
    assert (run.unhealthy, ("uncovered_queue", "mikrom") in run.findings) == ({}, False), run.causes
    assert playbook("canary").rc == 0
    assert pids() == before
