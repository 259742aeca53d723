"""Tasks that are stuck: by state and by age, from the broker, and for somebody else, from a bundle."""

from __future__ import annotations

import json
import tarfile

import pytest
from breathecode_lab import HOST, queue
from helpers import Gate, ansible, wait_until_content
from lab import Ledger
from waiting import wait_for

DELIVER = "task_manager.tasks.deliver_to"


@pytest.mark.whole
def test_waiting_tasks_are_reported_by_state_and_by_age(tmp_path):
    wait_until_content(HOST.workers)
    with Gate(HOST) as gate, Ledger(HOST, task=DELIVER, args=[gate.path], rate=20, limit=60) as ledger:
        wait_for(lambda: len(ledger.sent) == 60, "all are sent")
        wait_for(lambda: queue()["unacked"], "the management API has counted")
        waiting = wait_for(lambda: (queue()["oldest_age"] or 0) >= 10 and queue(), "the next message waits for 10 s")
        assert waiting["ready"] >= 20
        assert waiting["consumers"] == 12
        assert waiting["oldest_age_of"] == "ready"

        done = ansible("ansible-playbook", f"--extra-vars=celery_report_dir={tmp_path}", "taskfleet.celery.diagnose")
        assert done.returncode == 0, done.stdout + done.stderr
        [archive] = tmp_path.iterdir()
        with tarfile.open(archive) as packed:
            [inspect] = [json.load(packed.extractfile(one)) for one in packed if one.name.endswith("/inspect.json")]
        running = [task["name"] for node in inspect["nodes"].values() for task in node["active"]]
        assert running.count(DELIVER) >= 12
    assert ledger.lost() == {}
