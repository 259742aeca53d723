# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.deployed import check_deployed

INSTANCE = {"name": "w1", "queues": ["default", "reports"], "tasks": ["shop.tasks.add"]}
REPLY = {
    "ping": {"ok": "pong"},
    "active_queues": [{"name": "reports"}, {"name": "default"}],
    "registered": ["shop.tasks.add [rate_limit=10/m]", "shop.tasks.refund"],
}


def problems(reply):
    facts = {
        "instances": [INSTANCE],
        "host": "worker1",
        "nodes": {"w1@worker1": reply} if reply else {},
        "logs": "journalctl -u shop-worker@<instance>",
    }
    return [(problem.variable, problem.actual, problem.remedy) for problem in check_deployed(facts)]


def test_as_declared():
    assert problems(REPLY) == []


def test_silent():
    [(variable, actual, remedy)] = problems(None)
    assert (variable, actual) == ("w1@worker1", "does not answer inspect ping")
    assert "journalctl -u shop-worker@w1" in remedy


def test_other_queues():
    [(variable, actual, _remedy)] = problems({**REPLY, "active_queues": [{"name": "celery"}]})
    assert (variable, actual) == ("w1@worker1", "consumes celery")


def test_no_queues_at_all():
    [(_variable, actual, _remedy)] = problems({**REPLY, "active_queues": None})
    assert actual == "consumes nothing"


def test_missing_task():
    [(variable, actual, _remedy)] = problems({**REPLY, "registered": ["shop.tasks.refund"]})
    assert (variable, actual) == ("w1@worker1: tasks", "shop.tasks.add not registered")
