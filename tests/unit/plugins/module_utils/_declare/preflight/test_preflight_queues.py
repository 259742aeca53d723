# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.queues import FACTS, check_queues


def judge(**facts):
    return check_queues({**{name: fact.get("default") for name, fact in FACTS.items()}, **facts})


def test_every_queue_is_consumed():
    assert judge(app_queues=["a", "b"], consumed=["b", "a", "c"]) == []


def test_queue_that_nobody_consumes():
    (problem,) = judge(app_queues=["a", "reports", "mail"], consumed=["a"])
    assert problem.level == "warn"
    assert "the queues mail and reports" in problem.actual
    assert "mail and reports" in problem.remedy


def test_queues_of_this_host_count():
    assert judge(app_queues=["a"], consumed=[], instances=[{"name": "w1", "queues": ["a"]}]) == []


def test_queue_that_the_application_refuses():
    facts = {"app_queues": ["a"], "consumed": ["a", "b"], "instances": [{"name": "w1", "queues": ["a", "b"]}]}
    assert judge(create_missing=True, **facts) == []
    (problem,) = judge(create_missing=False, **facts)
    assert problem.level == "refuse"
    assert problem.variable == "celery_worker_instances[w1].queues"
    assert problem.actual == "b"


def test_declared_queues_are_not_refused():
    facts = {"app_queues": [], "consumed": [], "instances": [{"name": "w1", "queues": ["b"]}]}
    assert judge(create_missing=False, task_queues=["b"], **facts) == []
