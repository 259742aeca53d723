"""Tasks sent by a client are run by the right node, and come back."""

from __future__ import annotations

import pytest
from helpers import Gate
from waiting import wait_for

pytestmark = pytest.mark.shop


def test_result_comes_back(machine):
    assert machine.call("add", 2, 40) == 42


def test_queue_is_consumed_by_its_nodes(queue):
    answers = queue.app.host.client(do="call", task="shop.tasks.whoami", queue=queue.name, times=8)
    assert len(answers) == 8
    assert set(answers) <= queue.nodes


def test_worker_answers_with_its_queues(worker):
    replies = worker.host.answers("active_queues", worker.node)
    assert sorted(queue["name"] for queue in replies[worker.node]) == sorted(worker.queues)


def test_programs_of_the_environment_are_found(worker):
    environment = worker.host.check(f"tr '\\0' '\\n' </proc/{worker.pid}/environ").splitlines()
    [path] = [line for line in environment if line.startswith("PATH=")]
    assert path.startswith(f"PATH={worker.host.facts['python'].removesuffix('python')[:-1]}:")


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
        return sum(stats["total"].get("shop.tasks.tick", 0) for stats in app.host.answers("stats", *app.nodes).values())

    before = ticks()
    wait_for(lambda: ticks() >= before + 2, "two more entries of beat, one every two seconds, reach a worker")


def test_running_task_survives_stop(worker_host):
    worker, queue = next(worker_host.sole_consumers())
    gate = Gate(worker_host)
    with worker_host.follow("work_until", gate.path, queue=queue) as result:
        old = worker.pid
        try:
            with worker.being_stopped(), gate:
                wait_for(lambda: worker.is_stopping or not worker.is_running, f"{worker.name} is told to stop")
                assert worker.is_stopping, "it does not wait for its task"
            assert not worker.is_running
            assert result() == gate.path
        finally:
            worker.start()
    wait_for(lambda: worker.is_running and worker.pid != old, f"{worker.name} runs again")
    worker_host.answers("ping", worker.node)
