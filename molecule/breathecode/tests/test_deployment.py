"""Twelve workers, as the document has them."""

from __future__ import annotations

import json

from breathecode_lab import DELIVER, HOST
from lab import concluded
from waiting import wait_for


def test_twelve_workers_with_a_process_each():
    stats = HOST.answers("stats", *(worker.node for worker in HOST.workers))
    assert sorted(stats) == sorted(f"celeryworker-{number}@dyno" for number in range(1, 13))
    scaled = {name: stats.pop(f"{name}@dyno")["autoscaler"] for name in ("celeryworker-11", "celeryworker-12")}
    assert {(autoscaler["max"], autoscaler["min"]) for autoscaler in scaled.values()} == {(2, 1)}
    assert {node["pool"]["max-concurrency"] for node in stats.values()} == {1}


def test_health():
    run = concluded("health")
    assert run.rc == 0, run.stdout
    assert {verdict for verdict, _reason in run.verdicts.values()} == {"healthy"}, run.causes
    assert len(run.verdicts) == 12
    assert run.report["findings"] == []


def test_delivery_goes_through_pgbouncer():
    HOST.client(do="send", task=DELIVER, args=[0, "first"])

    def states():
        return json.loads(HOST.check("breathecode-run python manage.py check_task_status").splitlines()[-1])["by_state"]

    wait_for(lambda: states().get("DONE"), "the delivery is done")
    port = "from breathecode.settings import DATABASES; print(DATABASES['default']['PORT'])"
    assert HOST.check(f'breathecode-run python -c "{port}"') == "6432"
