"""Workers under gevent showed as unhealthy. The real cause: what blocks keeps the loop of all greenlets from turning."""

from __future__ import annotations

import json

import pytest
from helpers import Service, deploy, failures, host_named, wait_for
from lab import Ledger, pids, playbook

pytestmark = pytest.mark.whole

CONSOLE = "/var/lib/mikrom/console"
UNDER_GEVENT = {
    "celery_app_packages": ["gevent"],
    "celery_worker_instances": [
        {"name": "celery", "queues": ["mikrom:queue"], "pool": "prefork", "concurrency": 4},
        {"name": "green", "queues": ["mikrom:green"], "pool": "gevent", "concurrency": 200},
    ],
    # The watchdog would end the worker, and with it what blocks.
    "celery_worker_watchdog": 240,
}


def test_what_blocks_is_named_under_gevent_and_does_no_harm_under_prefork(tmp_path):
    host = host_named("omega")
    green = Service(host, "worker", "green")
    inventory = tmp_path / "gevent.yml"
    inventory.write_text(json.dumps({"all": {"hosts": {host.name: UNDER_GEVENT}}}), encoding="utf-8")
    done = deploy(f"--inventory={inventory}", f"--limit={host.name}")
    assert done.returncode == 0, failures(done)
    before = pids()
    host.check(f"rm -f {CONSOLE} && mkfifo --mode=0666 {CONSOLE}")

    def read_console(queue):
        return Ledger(host, "console_task", args=[CONSOLE], queues=[queue], rate=20, limit=1)

    with read_console("mikrom:queue") as beside, read_console("mikrom:green") as blocking:
        wait_for(lambda: (green.heartbeat["loop_age"] or 0) > 15, 60, "the loop of all greenlets stands still")
        assert host.inspect("ping", "celery@omega", green.node) == {"celery@omega": {"ok": "pong"}}
        run = playbook("restart_idle", inventories=[inventory])
        assert run.restarted == [], run.stdout
        assert run.verdicts[green.node] == ("healthy", "busy"), run.causes
        assert "console_task" in run.causes[green.node]
        assert "gevent" in run.causes[green.node]
        assert run.verdicts["celery@omega"] == ("healthy", "busy"), run.causes
        host.check(f"timeout 20 sh -c 'echo login: > {CONSOLE}'")
        assert beside.lost(60) | blocking.lost(60) == set()
    assert pids() == before
    done = deploy(f"--limit={host.name}")
    assert done.returncode == 0, failures(done)
    assert playbook("health").ill == {}
