"""What the document wants: the deployment, its tests 1 to 6, as one command each."""

from __future__ import annotations

from customify_lab import EMAIL, HOST, designs, wait_until_well
from lab import Ledger, concluded, playbook
from waiting import wait_for

RENDER = "render_design_preview"


def test_workers_are_set_up_as_the_document_says():
    [conf] = HOST.answers("conf", "w1@studio").values()
    assert conf["task_annotations"][RENDER] == {"rate_limit": "10/m", "time_limit": 300, "soft_time_limit": 240}
    assert (conf["task_acks_late"], conf["task_reject_on_worker_lost"]) == (True, True)
    assert (conf["worker_prefetch_multiplier"], conf["worker_max_tasks_per_child"]) == (1, 1000)
    assert conf["result_backend"].startswith("db+postgresql")
    [stats] = HOST.answers("stats", "w1@studio").values()
    assert (stats["pool"]["max-concurrency"], stats["pool"]["max-tasks-per-child"]) == (2, 1000)
    [queues] = HOST.answers("active_queues", "w1@studio").values()
    assert {queue["name"] for queue in queues} == {"high_priority", "default"}


def test_health():
    wait_until_well()
    run = concluded("health")
    assert run.rc == 0, run.stdout
    assert {verdict for verdict, _reason in run.verdicts.values()} == {"healthy"}, run.causes
    assert run.report["findings"] == []


def test_design_is_published():
    """End to end, as the document's test 3."""
    made = designs("create")
    wait_for(lambda: designs("show", made)["status"] == "published", "the design is published")
    assert designs("show", made)["preview_url"].endswith(f"/{made}/preview.png")


def test_canary_proves_each_queue_and_each_worker():
    run = playbook("canary", celery_canary_nodes="all")
    assert run.rc == 0, run.stdout


def test_canary_names_a_task_that_no_worker_knows():
    """The third hypothesis, from the sender's side: the worker drops what it does not know."""
    name = "app.infrastructure.workers.tasks.render_design.render_design_preview"
    run = playbook("canary", celery_canary_task=name, celery_canary_queues=["default"])
    assert run.rc == 2
    assert "default: FAILURE" in run.stdout


def test_load():
    """The document's test 6: two hundred tasks, none lost, none twice."""
    with Ledger(HOST, task=EMAIL, queues=["default", "high_priority"], rate=50, limit=200) as ledger:
        wait_for(lambda: len(ledger.sent) == 200, "all are sent")
        assert ledger.lost() == {}
    assert set(ledger.done().values()) == {1}
