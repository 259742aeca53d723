"""Workers under gevent showed as unhealthy. The real cause: what blocks keeps the loop of all greenlets from turning."""

from __future__ import annotations

import json

import pytest
from helpers import Service, deployed, host_named
from lab import Ledger, concluded, pids
from waiting import PATIENCE, wait_for

pytestmark = pytest.mark.whole

CONSOLE = "/var/lib/mikrom/console"
# A queue each, which no worker of the other host consumes.
BESIDE, BLOCKING = "mikrom:beside", "mikrom:green"
UNDER_GEVENT = {
    "celery_app_packages": ["gevent"],
    "celery_worker_instances": [
        {"name": "celery", "queues": ["mikrom:queue", BESIDE], "pool": "prefork", "concurrency": 4},
        {"name": "green", "queues": [BLOCKING], "pool": "gevent", "concurrency": 200},
    ],
    # The watchdog would end the worker, and with it what blocks.
    "celery_worker_watchdog": 240,
}


@pytest.fixture
def inventory(tmp_path):
    """Deploy one host with a gevent worker, and as it was at the end; answer with the inventory that says so."""
    host = host_named("omega")
    path = tmp_path / "gevent.yml"
    path.write_text(json.dumps({"all": {"hosts": {host.name: UNDER_GEVENT}}}), encoding="utf-8")
    try:
        deployed(f"--inventory={path}", f"--limit={host.name}")
        host.check(f"rm -f {CONSOLE} && mkfifo --mode=0666 {CONSOLE}")
        yield path
    finally:
        deployed(f"--limit={host.name}")
    assert concluded("health").unhealthy == {}


def test_blocking_task_is_named_under_gevent_and_does_no_harm_under_prefork(inventory):
    host = host_named("omega")
    green = Service(host, "worker", "green")
    before = pids()

    def read_console(queue):
        return Ledger(host, "console_task", args=[CONSOLE], queues=[queue], rate=20, limit=1)

    with read_console(BESIDE) as beside, read_console(BLOCKING) as blocking:
        wait_for(lambda: (green.heartbeat["loop_age"] or 0) > 15, "the loop of all greenlets stands still")
        assert host.answers("ping", "celery@omega") == {"celery@omega": {"ok": "pong"}}
        assert host.inspect("ping", green.node) == {}
        run = concluded("restart_idle", inventories=[inventory])
        assert run.restarted == [], run.stdout
        assert run.verdicts[green.node] == ("healthy", "busy"), run.causes
        assert "console_task" in run.causes[green.node]
        assert "gevent" in run.causes[green.node]
        assert run.verdicts["celery@omega"] == ("healthy", "busy"), run.causes
        host.check(f"timeout {PATIENCE} sh -c 'echo login: > {CONSOLE}'")
        assert beside.lost() | blocking.lost() == {}
    assert pids() == before
