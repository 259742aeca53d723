# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import json
import sys

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common import queue_args
from ansible_collections.taskfleet.celery.plugins.module_utils._common.runtime import Outcome
from ansible_collections.taskfleet.celery.plugins.modules import celery_queue_info

DOWN = {"url": "redis://h/0", "transport": "redis", "reachable": False, "layer": "tcp", "error": "refused"}


@pytest.fixture
def call(run_module):
    return functools.partial(run_module, celery_queue_info, celery_python=sys.executable)


@pytest.fixture
def look(look_returns):
    return functools.partial(look_returns, queue_args)


def test_broker_that_is_down_has_no_numbers(call, look):
    look(Outcome({"broker": DOWN}, None, "", "", 0.4))
    result = call(broker_url="redis://h/0", queues=["celery"])
    assert (result["queues"], result["broker"], result["unacked"]) == ({}, DOWN, None)
    assert result["probe"]["ok"]


def test_probe_that_fails_has_no_numbers(call, look):
    look(Outcome({"broker": dict(DOWN, reachable=True)}, "timed_out", "no answer within 10 s", "", 10.0))
    result = call(app="shop")
    assert result["queues"] == {}
    assert result["probe"] == {"ok": False, "error": "no answer within 10 s"}


def test_without_application_the_queues_are_named(call):
    result = call(broker_url="redis://h/0")
    assert result["failed"]
    assert "name the queues" in result["msg"]


def test_passwords_do_not_show_and_words_stay(call, look):
    look(Outcome({"broker": DOWN}, None, "", "", 0.4))
    options = {"global_keyprefix": "refused", "sentinel_kwargs": {"password": "opensesame1"}}
    result = call(
        broker_url="redis://:hunter22@h/0",
        queues=["celery"],
        transport_options=options,
        management_url="http://u:topsecret9@h",
    )
    text = json.dumps(result)
    assert not [secret for secret in ("hunter22", "opensesame1", "topsecret9") if secret in text]
    assert result["broker"]["error"] == "refused"


def test_helper_gets_the_options_as_they_are(call, look):
    calls = look(Outcome({"broker": DOWN}, None, "", "", 0.4))
    call(broker_url="redis://h/0", queues=["celery"], transport_options={"priority_steps": [0, 5]})
    assert calls[0][2]["transport_options"] == {"priority_steps": [0, 5]}
    assert calls[0][2]["queues"] == ["celery"]


def test_application_that_does_not_import_is_an_answer(call):
    result = call(app="no_such_application", queues=["celery"])
    assert not result["probe"]["ok"]
    assert result["broker"]["layer"] == "unknown"
