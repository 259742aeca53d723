# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import json
import sys

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.runtime import Outcome
from ansible_collections.taskfleet.celery.plugins.modules import celery_task_run

OK = {"url": "redis://h/0", "transport": "redis", "reachable": True, "layer": "ok", "error": ""}
DOWN = dict(OK, reachable=False, layer="tcp", error="no connection to h:6379: Connection refused")
BACKEND = {"url": "redis://h/1", "type": "redis", "reachable": True, "layer": "ok", "error": ""}


@pytest.fixture
def call(run_module):
    return functools.partial(run_module, celery_task_run, celery_python=sys.executable, app="shop", task="shop.add")


@pytest.fixture
def look(look_returns):
    return functools.partial(look_returns, celery_task_run)


def test_result(call, look):
    reply = {"broker": OK, "result_backend": BACKEND, "stage": "wait", "sent": True, "state": "SUCCESS"}
    reply.update(result=3, reason="", message="", seen=None, waited=0.1, node="a@h", runtime=None)
    calls = look(Outcome(reply, None, "", "", 0.5))
    result = call(args=[1, 2], kwargs={"token": "hunter2222"}, node="a@h")
    assert (result["changed"], result["sent"], result["state"], result["result"]) == (True, True, "SUCCESS", 3)
    assert "hunter2222" not in json.dumps(result)
    assert result["invocation"]["module_args"]["args"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
    arguments = calls[0][2]
    assert arguments["args"] == [1, 2]
    assert arguments["kwargs"] == {"token": "hunter2222"}
    assert arguments["task_id"] == result["task_id"]


def test_arguments_are_not_taken_out_of_the_result(call, look):
    reply = {"broker": OK, "sent": True, "state": "SUCCESS", "result": "order 17 was added"}
    look(Outcome(reply, None, "", "", 0.5))
    assert call(args=["order", 17])["result"] == "order 17 was added"


def test_password_is_taken_out_of_the_result(call, look):
    reply = {"broker": OK, "sent": True, "state": "SUCCESS", "result": ["hunter2222", {"a": "with hunter2222"}]}
    look(Outcome(reply, None, "", "", 0.5))
    result = call(environment={"DB_PASSWORD": "hunter2222", "TZ": "with"})["result"]
    assert "hunter2222" not in json.dumps(result)
    assert result[1]["a"].startswith("with ")


@pytest.mark.parametrize(
    ("outcome", "reason", "text"),
    [
        (Outcome({"broker": DOWN}, None, "", "", 0.4), "not_enqueued", "Connection refused"),
        (Outcome({"problem": "the application does not import"}, None, "", "", 0.4), "not_enqueued", "not import"),
        (
            Outcome({"broker": OK, "stage": "send"}, "timed_out", "no answer within 15 s", "", 15.0),
            "not_enqueued",
            "no answer within 15 s",
        ),
        (
            Outcome({"broker": OK, "stage": "wait", "sent": True}, "timed_out", "no answer within 15 s", "", 15.0),
            "not_taken",
            "no answer within 15 s",
        ),
    ],
)
def test_task_that_never_ended(call, look, outcome, reason, text):
    look(outcome)
    result = call()
    assert "failed" not in result
    assert (result["state"], result["reason"]) == ("UNKNOWN", reason)
    assert text in result["message"]
    assert result["changed"] is result["sent"]


def test_check_mode_tries_the_way_and_sends_nothing(call, look):
    calls = look(Outcome({"broker": OK, "result_backend": BACKEND}, None, "", "", 0.4))
    result = call(check_mode=True)
    assert (result["changed"], result["sent"], result["reason"]) == (True, False, "")
    assert calls[0][2]["check_mode"] is True
    look(Outcome({"broker": DOWN}, None, "", "", 0.4))
    assert call(check_mode=True)["reason"] == "not_enqueued"


def test_task_goes_to_a_queue_or_to_a_node(call):
    result = call(queue="q", node="a@h")
    assert result["failed"] is True
    assert "mutually exclusive" in result["msg"]
