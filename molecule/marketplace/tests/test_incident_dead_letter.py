"""A task fails again and again. The document asks for retries, a dead-letter queue and an alert, and has none of them."""

from __future__ import annotations

import pytest
from helpers import host_named
from lab import Ledger, concluded
from waiting import wait_for

pytestmark = pytest.mark.whole

NODE = "celery@market"
CACHE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
from django.core.cache import cache
cache.set("notifications-refused", sys.argv[1] == "refused", None)
"""


def notifications(host, state):
    host.python(CACHE, f"{host.facts['bin_dir']}/{host.app}-run", "python", "-B", "-", state)


def dead(host):
    info = host.ask("celery_queue_info", queues=["dead_letter"])
    return info["queues"]["dead_letter"]["ready"]


def failures_are_found():
    """Health looks for queues and failures for half a second, which a busy machine may take for something else."""
    run = concluded("health")
    assert run.unhealthy == {}, run.causes
    return {("uncovered_queue", "dead_letter"), ("failures", "tasks")} <= run.findings


def test_task_that_fails_for_good_is_kept_and_delivered_later():
    host = host_named("market")
    notifications(host, "refused")
    try:
        task = "promotions.tasks.send_notification"
        with Ledger(host, task, args=["ana"], queues=["celery"], rate=50, limit=12) as ledger:
            wait_for(lambda: len(ledger.sent) == 12, "all are sent")
            wait_for(lambda: dead(host) == 12, "all have failed four times and are kept")
        wait_for(failures_are_found, "health names the queue that nobody consumes, and the failures")
    finally:
        notifications(host, "accepted")
    # The cause is fixed: one worker works them off, and lets go of the queue.
    for command in ("add_consumer", "cancel_consumer"):
        host.ask("celery_control", command=command, queue="dead_letter", destination=[NODE])
        assert ledger.lost() == {}
    assert set(ledger.done().values()) == {1}
    assert dead(host) == 0
    run = concluded("health")
    assert run.unhealthy == {}, run.causes
    assert ("uncovered_queue", "dead_letter") not in run.findings
