"""Damaged files of beat and Flower are reset, by playbooks that run as in AWX."""

from __future__ import annotations

import pytest
from awx import run_as_awx
from helpers import Service
from incidents import LabFleet
from waiting import wait_for

SCHEDULE = "/var/lib/shop/celerybeat-schedule"
DATABASE = "/var/lib/shop/flower"


@pytest.fixture
def fleet():
    return LabFleet()


def test_damaged_schedule_and_a_second_beat(fleet, tmp_path):
    """celery#4777, celery#5447: beat ends at each start; and whoever started another by hand has forgotten it."""
    beat = Service(fleet.host, "beat")
    beat.stop()
    fleet.check(f"rm -f {SCHEDULE}*; echo 'no database' > {SCHEDULE}; chown shop:shop {SCHEDULE}")
    fleet.check("systemctl start --no-block shop-beat")
    fleet.beside("second", "celery -A shop.celery beat --schedule=/tmp/second-schedule --pidfile=")
    wait_for(lambda: fleet.host.on.file("/tmp/second-schedule").exists, "the second beat runs")
    stats = run_as_awx(tmp_path, "beat_reset", celery_beat_stop_strays=True).stats
    reset = stats["celery_beat_reset"]
    assert [path for path in reset["moved"] if path.startswith(SCHEDULE)]
    assert [stray["kind"] for stray in reset["strays"]] == ["beat"]
    assert reset["ticks"] > 0
    assert beat.pid == reset["new_pid"]
    wait_for(lambda: fleet.host.on.run("systemctl is-active second").rc != 0, "the second beat has ended")
    assert fleet.check(f"ls {SCHEDULE}.*Z")


@pytest.mark.whole
def test_damaged_database_of_flower(fleet, tmp_path):
    flower = Service(fleet.host, "flower")
    flower.stop()
    fleet.check(f"rm -f {DATABASE}*; echo 'no database' > {DATABASE}; chown shop:shop {DATABASE}")
    fleet.check("systemctl start --no-block shop-flower")
    stats = run_as_awx(tmp_path, "flower_reset").stats
    reset = stats["celery_flower_reset"][fleet.host.name]
    assert DATABASE in reset["moved"]
    assert flower.pid == reset["new_pid"]
