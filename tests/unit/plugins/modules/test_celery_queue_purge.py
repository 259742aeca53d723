# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import sys

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common import queue_args
from ansible_collections.taskfleet.celery.plugins.module_utils._common.runtime import Outcome
from ansible_collections.taskfleet.celery.plugins.modules import celery_queue_purge, celery_queue_restore

OK = {"url": "redis://h/0", "transport": "redis", "reachable": True, "layer": "ok", "error": ""}
DOWN = dict(OK, reachable=False, layer="tcp", error="refused")
PURGE = {"broker_url": "redis://h/0", "queues": ["b", "a"], "confirm": True, "dump_to": "/d/dump"}
RESTORE = {"broker_url": "redis://h/0", "dump_from": "/d/dump"}


@pytest.fixture
def call(run_module):
    return functools.partial(run_module, celery_python=sys.executable)


@pytest.fixture
def look(look_returns):
    return functools.partial(look_returns, queue_args)


@pytest.mark.parametrize(
    ("module", "arguments", "words"),
    [
        (celery_queue_purge, dict(PURGE, confirm=False), "Set confirm to true"),
        (celery_queue_purge, dict(PURGE, queues=[]), "queues is empty"),
        (celery_queue_purge, dict(PURGE, dump_to="dump"), "absolute path"),
        (celery_queue_restore, dict(RESTORE, dump_from="dump"), "absolute path"),
    ],
)
def test_arguments_that_cannot_work_are_refused_before_anything_runs(call, look, module, arguments, words):
    calls = look(None)
    result = call(module, **arguments)
    assert words in result["msg"]
    assert (result["kind"], calls) == ("refused", [])


@pytest.mark.parametrize(("module", "arguments"), [(celery_queue_purge, PURGE), (celery_queue_restore, RESTORE)])
@pytest.mark.parametrize(
    ("outcome", "kind", "words"),
    [
        (Outcome({"broker": DOWN}, None, "", "", 1.0), "broker", "failed at tcp: refused"),
        (Outcome({"broker": OK, "problem": "no", "kind": "refused"}, None, "", "", 1.0), "refused", "no"),
        (Outcome({"broker": OK}, "timed_out", "no answer within 9 s", "", 9.0), "timed_out", "No|no message is lost"),
        (Outcome(None, "killed", "ended by SIGKILL", "", 1.0), "killed", "SIGKILL"),
    ],
)
def test_failed_purge_fails_the_task(call, look, module, arguments, outcome, kind, words):
    look(outcome)
    result = call(module, **arguments)
    assert result["failed"]
    assert result["kind"] == kind
    assert any(word in result["msg"] for word in words.split("|"))


def test_purge_tells_what_it_took(call, look, monkeypatch):
    warnings = []
    monkeypatch.setattr(celery_queue_purge.Module, "warn", lambda _module, text: warnings.append(text))
    calls = look(
        Outcome(
            {"broker": OK, "purged": {"a": 2, "b": 0}, "dump_to": "/d/dump", "warnings": ["careful"]}, None, "", "", 1.0
        )
    )
    result = call(celery_queue_purge, **PURGE)
    assert (result["changed"], result["purged"], result["dump_to"]) == (True, {"a": 2, "b": 0}, "/d/dump")
    assert result["diff"] == {"before": "a: 2\nb: 0\n", "after": "a: 0\nb: 0\n"}
    assert warnings == ["careful"]
    assert calls[0][2]["queues"] == ["a", "b"]
    assert calls[0][2]["check"] is False


def test_purge_of_nothing_changes_nothing(call, look):
    look(Outcome({"broker": OK, "purged": {"a": 0, "b": 0}, "dump_to": None, "warnings": []}, None, "", "", 1.0))
    assert not call(celery_queue_purge, **PURGE)["changed"]


def test_check_mode_reaches_the_helper(call, look):
    calls = look(Outcome({"broker": OK, "restored": {"a": 2}, "messages": {"a": 3}}, None, "", "", 1.0))
    result = call(celery_queue_restore, check_mode=True, **RESTORE)
    assert calls[0][2]["check"] is True
    assert (result["changed"], result["restored"], result["messages"]) == (True, {"a": 2}, {"a": 3})
    assert result["diff"] == {"before": "a: 0\n", "after": "a: 2\n"}
