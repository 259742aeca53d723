"""Beat schedules nothing: two of them, a damaged schedule, one that belongs to root, or one of a wrong clock."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from helpers import APPS, Service, host_named
from lab import concluded, pids, playbook
from waiting import wait_for

pytestmark = pytest.mark.whole


def sent(host):
    [app] = APPS
    stats = host.answers("stats", *app.nodes)
    return sum(node["total"].get("mikrom.worker.tasks.sync_vm_status", 0) for node in stats.values())


def works(host):
    before = sent(host)
    wait_for(lambda: sent(host) > before, "beat sends")
    assert concluded("health").unhealthy == {}


def schedule(host):
    found = host.check(f"find {host.facts['state_dir']} -maxdepth 1 -type f -name 'celerybeat-schedule*'").split()
    assert found
    return found


def test_schedule_belongs_to_root():
    host = host_named("alpha")
    beat, before = Service(host, "beat"), pids()
    beat.stop()
    host.check(f"chown root:root {' '.join(schedule(host))}")
    host.check(f"chmod 0600 {' '.join(schedule(host))}")
    host.check(f"chown root:root {host.facts['state_dir']}")
    host.on.run(f"supervisorctl start {beat.name}")
    wait_for(lambda: "FATAL" in host.on.run(f"supervisorctl status {beat.name}").stdout, "supervisor gives up")
    assert "PermissionError" in beat.log(60)
    run = concluded("health")
    assert set(run.unhealthy) == {"beat"}, run.causes
    done = playbook("beat_reset")
    assert done.rc == 0, done.stdout
    works(host)
    assert pids() == before


def test_schedule_is_damaged():
    host = host_named("alpha")
    beat, before = Service(host, "beat"), pids()
    beat.stop()
    for path in schedule(host):
        host.check(f"sh -c 'head --bytes=40960 /dev/urandom > {path}'")
    host.on.run(f"supervisorctl start {beat.name}")
    # Celery itself moves aside what it cannot read at all; what it does not notice, the reset does.
    done = playbook("beat_reset")
    assert done.rc == 0, done.stdout
    works(host)
    assert pids() == before


# As if the clock had been a day ahead when they were sent.
A_DAY_AHEAD = """
import datetime, shelve, sys
with shelve.open(sys.argv[1], writeback=True) as store:
    for entry in store["entries"].values():
        entry.last_run_at += datetime.timedelta(days=1)
"""


def test_schedule_of_a_clock_that_was_ahead():
    host = host_named("alpha")
    beat, before = Service(host, "beat"), pids()
    beat.stop()
    host.check(f"mikrom-run python -c {shlex.quote(A_DAY_AHEAD)} {host.facts['state_dir']}/celerybeat-schedule")
    host.on.run(f"supervisorctl start {beat.name}")
    found = ("schedule_in_future", "beat")
    wait_for(lambda: found in playbook("health").findings, "health names entries that ran in the future")
    done = playbook("beat_reset")
    assert done.rc == 0, done.stdout
    works(host)
    assert found not in concluded("health").findings
    assert pids() == before


def test_two_beats():
    host, other = host_named("alpha"), host_named("omega")
    before = pids()
    command = ["mikrom-run", "timeout", "1800", "celery", "-A", "mikrom.celery_app", "beat", "--schedule=/tmp/stray"]
    stray = subprocess.Popen(
        ["docker", "exec", other.container, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: other.on.run("pgrep -f schedule=/tmp/stray").rc == 0, "a second beat runs")
        wait_for(lambda: ("two_beats", "beat") in playbook("health").findings, "health names two beats")
        done = playbook("beat_reset", celery_beat_stop_strays=True)
        assert done.rc == 0, done.stdout
        assert "omega" in done.stdout
        wait_for(lambda: stray.poll() is not None, "the second beat has ended")
    finally:
        other.on.run("pkill -f schedule=/tmp/stray")
    works(host)
    assert ("two_beats", "beat") not in concluded("health").findings
    assert pids() == before
