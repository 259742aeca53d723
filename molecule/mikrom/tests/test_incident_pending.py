"""Tasks stay PENDING for ever: they wait in a queue that no worker has. The document raises the timeout, or purges."""

from __future__ import annotations

import pytest
from helpers import APPS, wait_for
from lab import Ledger, pids, playbook

pytestmark = pytest.mark.whole


def test_the_queue_is_named_and_worked_off():
    [app] = APPS
    worker, before = app.workers[0], pids()
    with Ledger(app.host, "provision_task", queues=["mikrom"], rate=20, limit=15) as ledger:
        wait_for(lambda: len(ledger.sent) == 15, "all are sent")
        run = playbook("health")
        assert run.ill == {}, run.causes
        assert ("uncovered_queue", "mikrom") in run.findings
        # Who sends must be corrected. What waits is taken by one worker for the moment.
        for command in ("add_consumer", "cancel_consumer"):
            worker.host.ask("celery_control", command=command, queue="mikrom", destination=[worker.node])
            assert ledger.lost() == {}
    assert set(ledger.done().values()) == {1}
    run = playbook("health")
    assert (run.ill, ("uncovered_queue", "mikrom") in run.findings) == ({}, False), run.causes
    assert playbook("canary").rc == 0
    assert pids() == before
