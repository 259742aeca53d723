"""Flower shows no workers: its database is damaged, or it hangs. The document removes the database."""

from __future__ import annotations

import pytest
from helpers import Service, host_named
from lab import concluded, pids, playbook
from waiting import wait_for

pytestmark = pytest.mark.whole


def test_it_hangs():
    host = host_named("omega")
    flower, before = Service(host, "flower"), pids()
    old = flower.pid
    host.check(f"kill -STOP {old}")
    run = concluded("health")
    assert run.unhealthy == {"flower": ("stuck", "loop_stalled")}
    done = playbook("flower_reset")
    assert done.rc == 0, done.stdout
    wait_for(lambda: flower.pid not in (0, old), "it is another process")
    wait_for(lambda: playbook("health").unhealthy == {}, "all are well")
    assert pids() == before


def test_its_database_is_damaged():
    host = host_named("omega")
    flower, before = Service(host, "flower"), pids()
    found = host.check(f"find {host.facts['state_dir']} -maxdepth 1 -type f -name 'flower*'").split()
    flower.stop()
    found = found or host.check(f"find {host.facts['state_dir']} -maxdepth 1 -type f -name 'flower*'").split()
    assert found
    for path in found:
        host.check(f"sh -c 'head --bytes=4096 /dev/urandom > {path}'")
    host.on.run(f"systemctl start --no-block {flower.name}.service")
    done = playbook("flower_reset")
    assert done.rc == 0, done.stdout
    wait_for(lambda: playbook("health").unhealthy == {}, "all are well")
    assert pids() == before
