"""RabbitMQ meets its memory limit, and blocks who publishes: no restart of a worker fixes that."""

from __future__ import annotations

import pytest
from breathecode_lab import DELIVER, HOST
from helpers import wait_until_content
from lab import Ledger, pids, playbook
from waiting import wait_for


@pytest.fixture
def limit():
    """Set the share of the memory that RabbitMQ may use; as it was, at the end."""

    def put(share):
        HOST.check(f"rabbitmqctl set_vm_memory_high_watermark {share}")

    yield put
    put(0.4)


@pytest.mark.whole
def test_memory_alarm_is_named_and_nobody_is_touched(limit):
    wait_until_content(HOST.workers)
    before = pids()
    with Ledger(HOST, task=DELIVER, args=[0.1], rate=4, limit=60) as ledger:
        wait_for(lambda: len(ledger.sent) >= 8, "tasks are sent")
        limit(0.00001)
        alarmed = "rabbitmq-diagnostics --quiet check_local_alarms"
        wait_for(lambda: HOST.on.run(alarmed).rc != 0, "the alarm is raised")
        run = playbook("restart_idle")
        assert ("broker_alarm", "broker") in run.findings, run.stdout
        assert (run.restarted, run.rc, pids()) == ([], 2, before)
        limit(0.4)
        wait_for(lambda: HOST.on.run(alarmed).rc == 0, "the alarm is over")
        wait_until_content(HOST.workers)
        wait_for(lambda: playbook("health").unhealthy == {}, "all are well")
        assert ledger.lost() == {}
    assert pids() == before
