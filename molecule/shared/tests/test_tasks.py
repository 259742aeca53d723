"""Tasks sent by a client are run by the right node, and come back."""

from __future__ import annotations

import threading

from helpers import wait_for


def test_result_comes_back(machine):
    assert machine.call("add", 2, 40) == 42


def test_queue_is_consumed_by_its_nodes(queue):
    answers = queue.app.host.client(do="call", task="shop.tasks.whoami", queue=queue.name, times=8)
    assert len(answers) == 8
    assert set(answers) <= queue.nodes


def test_worker_answers_with_its_queues(worker):
    replies = worker.host.inspect("active_queues")
    assert sorted(queue["name"] for queue in replies[worker.node]) == sorted(worker.queues)


def test_limits_reach_the_task(app):
    limits = app.host.facts["limits"]
    assert app.host.call("timeouts")["environment"] == {
        "ANSIBLE_PLAYBOOK_TIMEOUT": str(limits["operation"]),
        "CELERY_OPERATION_TIMEOUT": str(limits["operation"]),
        "CELERY_TASK_SOFT_TIME_LIMIT": str(limits["soft"]),
        "CELERY_TASK_HARD_TIME_LIMIT": str(limits["hard"]),
    }


def test_beat_entries_arrive(app):
    def ticks():
        return sum(stats["total"].get("shop.tasks.tick", 0) for stats in app.host.inspect("stats").values())

    before = ticks()
    wait_for(lambda: ticks() >= before + 2, 30, "two more entries of beat, one every two seconds, reach a worker")


def test_running_task_survives_stop(worker_host):
    worker = worker_host.workers[0]
    answer = []

    def work():
        answer.append(worker_host.call("sleep_for", 6, queue="taskfleet-stop-test", timeout=60))

    def runs():
        return any(
            task["name"] == "shop.tasks.sleep_for" for task in worker_host.inspect("active").get(worker.node) or []
        )

    # A queue of its own: no other worker may take the task.
    worker_host.client(do="consume", queue="taskfleet-stop-test", node=worker.node)
    client = threading.Thread(target=work)
    client.start()
    try:
        wait_for(runs, 20, f"{worker.node} runs the task")
        old = worker.pid
        worker.stop()
        assert not worker.is_running
        client.join(timeout=30)
    finally:
        worker.start()
    assert answer == [6]
    wait_for(lambda: worker.is_running and worker.pid != old, 30, f"{worker.name} runs again")
    wait_for(lambda: worker.node in worker_host.inspect("ping"), 30, f"{worker.node} answers again")
