"""Damaged files of beat and Flower are reset, by playbooks that run as in AWX: ansible-runner and extra variables only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import ansible_runner
import pytest
from helpers import Service, wait_for
from incidents import PATIENCE, Fleet

SCHEDULE = "/var/lib/shop/celerybeat-schedule"
DATABASE = "/var/lib/shop/flower"


@pytest.fixture
def fleet():
    return Fleet()


def run_as_awx(tmp_path, name, **extra_vars):
    """Run a playbook; return what it hands over with set_stats. It writes nothing but its reports."""
    (tmp_path / "project").mkdir()
    reports = tmp_path / "reports"
    run = ansible_runner.run(
        private_data_dir=str(tmp_path),
        playbook=f"taskfleet.celery.{name}",
        cmdline=" ".join(f"--inventory={path}" for path in os.environ["TASKFLEET_INVENTORIES"].split(":")),
        extravars={"celery_report_dir": str(reports), **extra_vars},
        envvars={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        settings={"idle_timeout": 200, "pexpect_timeout": 5},
        quiet=True,
    )
    assert run.status == "successful", run.stdout.read()[-6000:]
    assert list((tmp_path / "project").iterdir()) == []
    [last] = [event for event in run.events if event["event"] == "playbook_on_stats"]
    return last["event_data"]["artifact_data"], reports


def test_health_under_runner(fleet, tmp_path):
    told, reports = run_as_awx(tmp_path, "health", **PATIENCE)
    assert told["celery_health"]["summary"]["nodes"] == len(fleet.host.workers)
    assert {"report.json", "report.html"} <= {path.name for path in reports.iterdir()}


def test_damaged_schedule_and_a_second_beat(fleet, tmp_path):
    """celery#4777, celery#5447: beat ends at each start; and whoever started another by hand has forgotten it."""
    beat = Service(fleet.host, "beat")
    beat.stop()
    fleet.check(f"rm -f {SCHEDULE}*; echo 'no database' > {SCHEDULE}; chown shop:shop {SCHEDULE}")
    fleet.check("systemctl start --no-block shop-beat")
    fleet.beside("second", "celery -A shop.celery beat --schedule=/tmp/second-schedule --pidfile=")
    wait_for(lambda: fleet.host.on.file("/tmp/second-schedule").exists, 60, "the second beat runs")
    told, _reports = run_as_awx(tmp_path, "beat_reset", celery_beat_stop_strays=True)
    reset = told["celery_beat_reset"]
    assert [path for path in reset["moved"] if path.startswith(SCHEDULE)]
    assert [stray["kind"] for stray in reset["strays"]] == ["beat"]
    assert reset["ticks"] > 0
    assert beat.pid == reset["new_pid"]
    wait_for(lambda: fleet.host.on.run("systemctl is-active second").rc != 0, 30, "the second beat has ended")
    assert fleet.check(f"ls {SCHEDULE}.*Z")


@pytest.mark.whole
def test_damaged_database_of_flower(fleet, tmp_path):
    flower = Service(fleet.host, "flower")
    flower.stop()
    fleet.check(f"rm -f {DATABASE}*; echo 'no database' > {DATABASE}; chown shop:shop {DATABASE}")
    fleet.check("systemctl start --no-block shop-flower")
    told, _reports = run_as_awx(tmp_path, "flower_reset")
    reset = told["celery_flower_reset"][fleet.host.name]
    assert DATABASE in reset["moved"]
    assert flower.pid == reset["new_pid"]
