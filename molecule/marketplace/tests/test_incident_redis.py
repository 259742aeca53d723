"""The worker does not reach Redis. The document: `redis-cli ping`, then look at CELERY_BROKER_URL."""

from __future__ import annotations

import pytest
from helpers import Service, host_named
from lab import Ledger, playbook, url_is_refused
from waiting import wait_for

TASK = "promotions.tasks.confirm_purchase"


def test_redis_is_down():
    host = host_named("market")
    beat = Service(host, "beat")
    old = beat.pid
    with Ledger(host, TASK, args=[0.1], queues=["celery"]) as ledger:
        wait_for(lambda: len(ledger.sent) > 10, "tasks are sent")
        with ledger.held():
            host.check("systemctl stop redis-server")
        try:
            wait_for(lambda: ledger.refused, "the client notices")
            run = playbook("restart_idle")
        finally:
            host.check("systemctl start redis-server")
        # Named, and left alone: a restart cannot fix a broker.
        assert run.verdicts == {"celery@market": ("unknown", "broker_unreachable")}, run.causes
        assert run.report["beat"]["reason"] == "broker_unreachable"
        assert run.report["broker"]["reachable"] is False
        assert (run.restarted, run.rc) == ([], 2), run.stdout
        again = len(ledger.sent)
        wait_for(lambda: len(ledger.sent) > again + 10, "tasks are sent again")
        assert ledger.lost() == {}
        assert set(ledger.done().values()) == {1}
    # A worker of Celery 5.7 that held a late task ends by itself ("Unrecoverable error"), and systemd starts it.
    wait_for(lambda: playbook("health").unhealthy == {}, "all are well, and nobody was restarted for it")
    assert beat.pid == old


@pytest.mark.whole
@pytest.mark.parametrize(
    ("url", "layer"),
    [
        ("redis://:not-the-password@127.0.0.1:6379/0", "layer auth"),
        ("redis://127.0.0.1:6380/0", "layer tcp"),
        ("redis://no-such-host.invalid:6379/0", "layer dns"),
    ],
)
def test_wrong_url_is_refused_before_anything_changes(url, layer):
    url_is_refused(url, "not-the-password", layer, limit="celery_workers")
