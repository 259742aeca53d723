# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import json
import sys

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.packing import pack
from ansible_collections.taskfleet.celery.plugins.module_utils._common.runtime import Outcome
from ansible_collections.taskfleet.celery.plugins.modules import celery_inspect_info

OK = {"url": "redis://h/0", "transport": "redis", "reachable": True, "layer": "ok", "error": ""}
DOWN = dict(OK, reachable=False, layer="tcp", error="no connection to h:6379: Connection refused")


@pytest.fixture
def call(run_module):
    def with_arguments(**arguments):
        return run_module(celery_inspect_info, **dict({"celery_python": sys.executable}, **arguments))

    return with_arguments


@pytest.fixture
def look(look_returns):
    return functools.partial(look_returns, celery_inspect_info)


def test_replies(call, look):
    replies = [["ping", "a@h", {"ok": "pong"}], ["clock", "a@h", {"clock": 7}], ["ping", "x@h", {"ok": "pong"}]]
    calls = look(Outcome({"broker": OK, **pack(replies)}, None, "", "", 0.456))
    result = call(app="shop", methods=["clock", "ping"], expected=["a@h", "b@h"])
    assert result["nodes"] == {"a@h": {"ping": "pong", "clock": 7}, "x@h": {"ping": "pong"}}
    assert result["silent"] == ["b@h"]
    assert result["unanswered"] == {"x@h": ["clock"]}
    assert result["broker"] == OK
    assert result["probe"] == {"ok": True, "error": ""}
    assert (result["elapsed"], result["changed"]) == (0.46, False)
    arguments = calls[0][2]
    assert arguments["commands"] == [["ping", {}], ["clock", {}]]
    assert (arguments["awaited"], arguments["destination"]) == (["a@h", "b@h"], [])


def test_destination_is_awaited(call, look):
    calls = look(Outcome({"broker": OK, "replies": []}, None, "", "", 0.4))
    assert call(app="shop", destination=["a@h"])["silent"] == ["a@h"]
    assert calls[0][2]["awaited"] == ["a@h"]


def test_broker_that_is_down_is_no_answer_of_anybody(call, look):
    look(Outcome({"broker": DOWN, "replies": []}, None, "", "", 0.4))
    result = call(app="shop", expected=["a@h"])
    assert result["broker"] == DOWN
    assert result["silent"] == ["a@h"]


def test_probe_that_fails_is_no_answer_of_anybody(call, look):
    look(Outcome({"broker": OK, "replies": []}, "timed_out", "no answer within 10 s", "", 10.0))
    result = call(app="shop", expected=["a@h"])
    assert result["probe"] == {"ok": False, "error": "no answer within 10 s"}
    assert result["silent"] == ["a@h"]


def test_application_that_does_not_import_is_an_answer(call):
    result = call(app="no_such_application", expected=["a@h"])
    assert result["probe"]["ok"] is False
    assert "No module named" in result["probe"]["error"]
    assert result["broker"]["layer"] == "unknown"
    assert result["nodes"] == {}


def test_url_is_not_shown(call, look):
    look(Outcome({"broker": OK, "replies": []}, None, "", "", 0.4))
    assert "hunter2222" not in json.dumps(call(broker_url="redis://:hunter2222@h/0"))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "one of the following is required: app, broker_url"),
        ({"app": "shop", "methods": ["query_task"]}, "name the tasks in task_ids"),
        ({"app": "shop", "methods": ["shutdown"]}, "value of methods must be one or more of"),
    ],
)
def test_refused_arguments(call, arguments, text):
    result = call(**arguments)
    assert result["failed"] is True
    assert text in result["msg"]
