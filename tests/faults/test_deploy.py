"""The broker's port is closed after the proof, as the first worker starts: the deployment ends with that one."""

from __future__ import annotations

import json

import pytest
from helpers import deploy, deployed, failures
from incidents import LabFleet
from lab import moved, pids

pytestmark = pytest.mark.whole

FIRST = "steady"
LAID_OVER = f"/run/systemd/system/shop-worker@{FIRST}.service.d"
# Who is connected stays so.
CLOSED = "OUTPUT --protocol tcp --dport 6379 --syn --jump REJECT"
# 30 s more than the start grace, and other units, so that all workers are to be restarted.
QUICK = {"celery_service_start_timeout": 60}


@pytest.fixture
def fleet():
    fleet = LabFleet()
    fleet.wait_well()
    yield fleet
    fleet.host.on.run(f"rm -rf {LAID_OVER}; systemctl daemon-reload; iptables --delete {CLOSED}")
    deployed()
    fleet.wait_well()


def test_broker_that_goes_after_the_proof_costs_one_worker(fleet):
    before = pids()
    close = f"[Service]\\nExecStartPre=+/usr/sbin/iptables --append {CLOSED}\\n"
    fleet.check(f"mkdir -p {LAID_OVER} && printf '{close}' > {LAID_OVER}/close.conf && systemctl daemon-reload")
    run = deploy("--extra-vars", json.dumps(QUICK))
    told = failures(run)
    assert run.returncode != 0
    assert f"shop-worker@{FIRST} is not ready within 90 s after its start" in told
    assert "Cannot connect to redis" in told
    assert moved(before) == {fleet.node(FIRST)}
