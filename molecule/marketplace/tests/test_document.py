"""The shop is deployed as its document says."""

from __future__ import annotations

import json
import re

from lab import Ledger
from waiting import PATIENCE, wait_for

BEAT = """
import json
from marketplace.celery import app
print(json.dumps({name: [entry["task"], entry["schedule"]] for name, entry in app.conf.beat_schedule.items()}))
"""
METRICS = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=float(sys.argv[2])).read().decode())
"""
ENTRIES = {
    "check-flash-promos-every-minute": ["promotions.tasks.check_active_promos", 60.0],
    "cleanup-expired-promos-every-hour": ["promotions.tasks.cleanup_expired_promos", 3600.0],
    "process-notification-queue-every-30s": ["promotions.tasks.process_notification_queue", 30.0],
}


def totals(host):
    [stats] = host.answers("stats", "celery@market").values()
    return stats["total"]


def test_task_sent_by_hand_comes_back(worker_host):
    assert worker_host.client(do="call", task="promotions.tasks.check_active_promos") == [[]]


def test_settings_for_production(worker):
    conf = worker.host.answers("conf", worker.node)[worker.node]
    assert conf["CELERY_TASK_ACKS_LATE"] is True
    assert conf["CELERY_WORKER_PREFETCH_MULTIPLIER"] == 1
    assert (conf["CELERY_TASK_SOFT_TIME_LIMIT"], conf["CELERY_TASK_TIME_LIMIT"]) == (180, 240)
    pool = worker.host.answers("stats", worker.node)[worker.node]["pool"]
    assert pool["max-tasks-per-child"] == 1000


def test_limits_reach_the_task(worker_host):
    [reply] = worker_host.client(do="call", task="promotions.tasks.timeouts")
    assert list(reply.values()) == ["120", "180", "240"]


def test_schedule_is_that_of_the_document(beat_host):
    run = f"{beat_host.facts['bin_dir']}/{beat_host.app}-run"
    output = beat_host.python(BEAT, run, "env", "--unset=MARKETPLACE_BEAT_SCALE", "python", "-B", "-")
    assert json.loads(output) == ENTRIES


def test_beat_sends_each_entry(beat_host):
    before = totals(beat_host)
    often = [ENTRIES[name][0] for name in ENTRIES if ENTRIES[name][1] <= 60]
    wait_for(
        lambda: all(totals(beat_host).get(task, 0) > before.get(task, 0) for task in often),
        "the entries of beat that are due reach the worker",
    )


def test_log_lines_have_the_documented_formats(worker):
    worker.host.client(do="call", task="promotions.tasks.check_active_promos")
    stamp = r"\[\d{4}-\d\d-\d\d [\d:,]{12}: INFO/"
    task = r"\[promotions\.tasks\.check_active_promos\([0-9a-f-]{36}\)\] \d+ promotions are active"
    for line in (
        stamp + r"MainProcess\] Task promotions\.tasks\.check_active_promos",
        stamp + r"ForkPoolWorker-\d+\]" + task,
    ):
        wait_for(lambda line=line: re.search(line, worker.log(300)), f"the log has {line}")


def test_five_metrics(flower_host):
    """Flower counts the finished tasks, their time, the failed ones and the workers; the broker what waits."""
    url = flower_host.facts["flower_url"].rstrip("/") + "/metrics"

    def metrics():
        return flower_host.python(METRICS, "python3", "-", url, str(PATIENCE))

    flower_host.client(do="call", task="promotions.tasks.confirm_purchase")
    # Per minute, by rate(): finished and failed tasks are labels of one counter.
    done = r'flower_events_total\{.*task="promotions.tasks.confirm_purchase",type="task-succeeded".*\} [1-9]'
    for wanted in (
        done,
        r'flower_task_runtime_seconds_sum\{.*task="promotions.tasks.confirm_purchase"',
        r'flower_task_runtime_seconds_count\{.*task="promotions.tasks.confirm_purchase"',
        r'flower_worker_online\{worker="celery@market"\} 1',
    ):
        wait_for(lambda wanted=wanted: re.search(wanted, metrics()), f"Flower's metrics have {wanted}")
    info = flower_host.ask("celery_queue_info", queues=["celery"])
    assert isinstance(info["queues"]["celery"]["ready"], int)


def test_soft_restart_replaces_the_pool(worker):
    """`pool_restart`: new processes, the same worker, and no task lost. A process ends after the task that it runs next."""

    def processes():
        return set(worker.host.answers("stats", worker.node)[worker.node]["pool"]["processes"])

    main, children = worker.pid, processes()
    with Ledger(worker.host, "promotions.tasks.confirm_purchase", args=[0.5], queues=worker.queues, rate=4) as ledger:
        worker.host.ask("celery_control", command="pool_restart", destination=[worker.node])
        assert ledger.lost() == {}
    wait_for(lambda: not processes() & children, "every process of the pool is another one")
    assert worker.pid == main
