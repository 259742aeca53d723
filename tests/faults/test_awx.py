"""Every playbook runs as in AWX on a fleet that is well, and hands over what it did. test_resets has the two others."""

from __future__ import annotations

import pytest
from awx import run_as_awx
from incidents import OPEN_BRAKES, PATIENCE, LabFleet
from lab import moved, pids
from waiting import wait_for

QUEUE = "archive"  # that nobody consumes


@pytest.fixture
def fleet():
    fleet = LabFleet()
    fleet.wait_well()
    return fleet


def test_health(fleet, tmp_path):
    job = run_as_awx(tmp_path, "health", **PATIENCE)
    assert job.stats["celery_health"]["summary"]["nodes"] == len(fleet.host.workers)
    assert {"report.json", "report.html"} <= job.reports


@pytest.mark.whole
def test_deploy(fleet, tmp_path):
    job = run_as_awx(tmp_path, "deploy")
    assert (job.changed, job.reports) == ({}, set())


@pytest.mark.whole
def test_restart_idle(fleet, tmp_path):
    before = pids()
    job = run_as_awx(tmp_path, "restart_idle", **PATIENCE, **OPEN_BRAKES)
    assert job.stats["celery_heal"]["restarted"] == []
    assert job.stats["celery_health"]["summary"]["nodes"] == len(before)
    assert pids() == before


@pytest.mark.whole
def test_rolling_restart(fleet, tmp_path):
    before, chosen = pids(), fleet.node("main")
    job = run_as_awx(tmp_path, "rolling_restart", celery_rolling_nodes=[chosen], **PATIENCE)
    assert [one["node"] for one in job.stats["celery_heal"]["restarted"]] == [chosen]
    assert moved(before) == {chosen}


@pytest.mark.whole
def test_canary(fleet, tmp_path):
    canary = run_as_awx(tmp_path, "canary", celery_canary_nodes="all").stats["celery_canary"]
    assert canary["stuck"] == []
    assert set(canary["nodes"]) == set(pids())


@pytest.mark.whole
def test_scale(fleet, tmp_path):
    node = fleet.node("main")
    for size in (3, 2):
        scaled = run_as_awx(tmp_path, "scale", celery_scale={"main": {"concurrency": size}}).stats["celery_scale"]
        assert scaled[node]["status"] == "changed"
        wait_for(lambda size=size: len(fleet.children("main")) == size, f"the pool has {size} processes")


@pytest.mark.whole
def test_purge_and_restore(fleet, tmp_path):
    fleet.send("add", 1, 2, queue=QUEUE, times=3)
    try:
        purged = run_as_awx(tmp_path, "purge", celery_queues=[QUEUE], celery_confirm=True).stats["celery_purge"]
        assert (purged["purged"], fleet.redis("LLEN", QUEUE)) == ({QUEUE: 3}, "0")
        restored = run_as_awx(tmp_path, "restore", celery_dump_from=purged["dump_to"]).stats["celery_restore"]
        assert (restored["restored"], fleet.redis("LLEN", QUEUE)) == ({QUEUE: 3}, "3")
    finally:
        fleet.redis("DEL", QUEUE)


@pytest.mark.whole
def test_diagnose(fleet, tmp_path):
    job = run_as_awx(tmp_path, "diagnose")
    [archive] = job.reports
    assert job.stats["celery_diagnose"]["archive"].endswith(archive)
