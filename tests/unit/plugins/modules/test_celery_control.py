# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import sys

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.runtime import Outcome
from ansible_collections.taskfleet.celery.plugins.modules import celery_control

OK = {"url": "redis://h/0", "transport": "redis", "reachable": True, "layer": "ok", "error": ""}
DOWN = dict(OK, reachable=False, layer="tcp", error="no connection to h:6379: Connection refused")


@pytest.fixture
def call(run_module):
    return functools.partial(run_module, celery_control, celery_python=sys.executable, app="shop")


@pytest.fixture
def look(look_returns):
    return functools.partial(look_returns, celery_control)


def node(status, before=1, after=1, message="", remedy="", layer="ok"):
    states = {"before": {"concurrency": before}, "after": {"concurrency": after}}
    return dict(states, status=status, layer=layer, message=message, remedy=remedy)


def test_result_says_what_was_done(call, look):
    reply = {"broker": OK, "nodes": {"a@h": node("changed", 1, 4), "b@h": node("unchanged", 4, 4)}}
    calls = look(Outcome(reply, None, "", "", 0.456))
    result = call(command="pool_grow", concurrency=4, destination=["a@h", "b@h", "a@h"], _ansible_diff=True)
    assert result["changed"] is True
    assert result["before"] == {"a@h": {"concurrency": 1}, "b@h": {"concurrency": 4}}
    assert result["after"] == {"a@h": {"concurrency": 4}, "b@h": {"concurrency": 4}}
    assert result["nodes"]["a@h"] == {"status": "changed", "layer": "ok", "message": "", "remedy": ""}
    assert result["diff"] == {"before": result["before"], "after": result["after"]}
    arguments = calls[0][2]
    assert arguments["destination"] == ["a@h", "b@h"]
    assert arguments["check_mode"] is False
    assert arguments["parameters"]["concurrency"] == 4


def test_check_mode_is_handed_on(call, look):
    calls = look(Outcome({"broker": OK, "nodes": {"a@h": node("changed", 1, 4)}}, None, "", "", 0.4))
    assert call(command="pool_grow", concurrency=4, destination=["a@h"], check_mode=True)["changed"] is True
    assert calls[0][2]["check_mode"] is True


def test_worker_that_refuses_fails_the_task_and_the_others_are_reported(call, look):
    refused = node("refused", message="worker_pool_restarts is off", remedy="set it")
    look(Outcome({"broker": OK, "nodes": {"a@h": refused, "b@h": node("changed")}}, None, "", "", 0.4))
    result = call(command="pool_restart", destination=["a@h", "b@h"])
    assert result["failed"] is True
    assert result["changed"] is True
    assert result["msg"] == "a@h: refused, worker_pool_restarts is off (set it)"
    assert result["nodes"]["b@h"]["status"] == "changed"


@pytest.mark.parametrize(
    ("outcome", "layer", "text"),
    [
        (Outcome({"broker": DOWN}, None, "", "", 0.4), "tcp", "Connection refused"),
        (Outcome({"problem": "the application does not import"}, None, "", "", 0.4), "unknown", "does not import"),
        (Outcome({"broker": OK}, "timed_out", "no answer within 15 s", "", 15.0), "unknown", "no answer within 15 s"),
    ],
)
def test_worker_that_was_not_asked_is_unknown(call, look, outcome, layer, text):
    look(outcome)
    result = call(command="shutdown", destination=["a@h"])
    assert (result["failed"], result["changed"]) == (True, False)
    assert result["nodes"]["a@h"]["status"] == "unknown"
    assert result["nodes"]["a@h"]["layer"] == layer
    assert text in result["msg"]
    assert result["before"] == {"a@h": None}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"command": "pool_grow", "destination": ["a@h"]}, "concurrency"),
        ({"command": "pool_grow", "destination": ["a@h"], "concurrency": 0}, "concurrency is 0; expected 1 or more"),
        ({"command": "autoscale", "destination": ["a@h"]}, "minimum, maximum"),
        ({"command": "rate_limit", "destination": ["a@h"], "task": "t", "rate": "fast"}, "such as 10/m"),
        ({"command": "revoke", "destination": ["a@h"], "task_ids": []}, "name the tasks"),
        ({"command": "shutdown", "destination": []}, "name the workers"),
        ({"command": "shutdown"}, "missing required arguments: destination"),
    ],
)
def test_refused_arguments(call, arguments, text):
    result = call(**arguments)
    assert result["failed"] is True
    assert text in result["msg"]
