"""Tasks are not executed, as beat is down. The document: look whether beat runs, and read its log."""

from __future__ import annotations

import pytest
from helpers import Service, deployed, host_named
from lab import concluded, pids
from waiting import wait_for

pytestmark = pytest.mark.whole


def totals(host):
    [stats] = host.answers("stats", "celery@market").values()
    return stats["total"].get("promotions.tasks.process_notification_queue", 0)


def test_beat_is_down():
    host = host_named("market")
    beat, before = Service(host, "beat"), pids()
    beat.stop()
    run = concluded("health")
    assert run.unhealthy == {"beat": ("down", "not_running")}
    assert run.rc != 0
    # Its log's last lines are in the evidence; what starts it is the deployment, which changes nothing else.
    deployed("--limit=celery_beat")
    assert beat.is_running
    sent = totals(host)
    wait_for(lambda: totals(host) > sent, "beat sends again")
    assert concluded("health").unhealthy == {}
    assert pids() == before


def test_beat_does_not_tick():
    """It runs, and sends nothing: `docker-compose ps` would show it up."""
    host = host_named("market")
    beat, before = Service(host, "beat"), pids()
    old = beat.pid
    # Its watchdog, which this inventory makes slow, leaves the time for a look.
    host.check(f"systemctl kill --kill-whom=main --signal=STOP {beat.name}.service")
    run = concluded("health")
    assert run.unhealthy == {"beat": ("stuck", "loop_stalled")}
    wait_for(lambda: beat.pid not in (0, old), "the watchdog has started it again")
    sent = totals(host)
    wait_for(lambda: totals(host) > sent, "beat sends again")
    assert concluded("health").unhealthy == {}
    assert pids() == before
