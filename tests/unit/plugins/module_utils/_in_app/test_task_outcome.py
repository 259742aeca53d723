# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.task_outcome import classify, found

ACTIVE = {"node": "a@h", "state": "active", "time_start": 7.0}
ENDED = dict(ACTIVE, state="ended")


def test_task_is_where_a_worker_knows_it():
    replies = {"b@h": {"query_task": {}}, "a@h": {"query_task": {"x": ["active", {"time_start": 7.0}]}}}
    assert found(None, replies, "x") == ACTIVE
    assert found(None, replies, "y") is None


def test_task_that_its_worker_no_longer_knows_has_ended():
    assert found(ACTIVE, {"a@h": {"query_task": {}}}, "x") == ENDED


def test_worker_that_does_not_answer_says_nothing():
    assert found(ACTIVE, {"b@h": {"query_task": {}}}, "x") == ACTIVE


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE", "REVOKED", "IGNORED"])
def test_task_that_has_ended_is_not_stuck(state):
    assert classify(state, True, ACTIVE) == {"state": state, "reason": "", "message": "", "seen": ACTIVE}


@pytest.mark.parametrize(
    ("arguments", "reason", "text"),
    [
        ({"sent": False}, "not_enqueued", ""),
        ({"waiting": 3}, "not_taken", "3 messages wait in its queue"),
        ({"waiting": None}, "not_taken", "no worker that answers has it"),
        ({"seen": ACTIVE, "waiting": 0}, "not_finished", "a@h has it, active"),
        ({"seen": ENDED, "waiting": 0}, "result_unreadable", "does the task ignore its result"),
        ({"seen": ENDED, "waiting": 0, "readable": False}, "result_unreadable", "without a result backend"),
        ({"waiting": 0}, "result_unreadable", "a worker has it that does not answer"),
        ({"waiting": 0, "problem": "Timeout"}, "result_unreadable", "Timeout"),
    ],
)
def test_place_where_a_task_got_stuck(arguments, reason, text):
    outcome = classify("PENDING", **{"sent": True, **arguments})
    assert outcome["reason"] == reason
    assert text in outcome["message"]
