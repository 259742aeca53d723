# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a question to the workers has been answered. Real brokers are asked by the integration targets."""

from __future__ import annotations

import base64
import json
import types

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import Clock
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.conversation import Gathered, gather
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.inspect import pids
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.reply_queue import opened
from ansible_collections.taskfleet.celery.tests.waiting import PATIENCE


def test_all_awaited_replies_make_it_complete():
    gathered = Gathered(["a@h", "b@h"], ["ping", "stats", "stats"], [])
    for node in ("a@h", "b@h"):
        for method in ("ping", "stats", "stats"):
            assert not gathered.complete()
            gathered.add(method, node, {})
    assert gathered.complete()
    assert len(gathered.replies) == 6


def test_reply_of_who_is_not_awaited_is_kept_and_completes_nothing():
    gathered = Gathered(["a@h"], ["ping"], [])
    gathered.add("ping", "stray@h", {})
    assert not gathered.complete()
    assert gathered.replies == [["ping", "stray@h", {}]]


def test_reading_ends_with_the_last_awaited_reply():
    gathered = Gathered(["a@h", "b@h"], ["ping"], [])
    coming = ["a@h", "b@h", "c@h"]

    def read(_seconds):
        gathered.add("ping", coming.pop(0), {})
        return True

    gather(read, gathered, Clock(PATIENCE), 0)
    assert coming == ["c@h"]


@pytest.mark.parametrize(("awaited", "settle", "hush"), [([], 0.01, None), (["a@h"], PATIENCE, 0.01)])
def test_reading_ends_when_nothing_comes(awaited, settle, hush):
    gathered = Gathered(awaited, ["ping"], [])
    gather(lambda _seconds: False, gathered, Clock(PATIENCE), settle, hush)
    assert gathered.replies == []


def test_two_processes_of_one_name_tell_two_pids():
    replies = [["stats", "a@h", {"pid": 1}], ["stats", "b@h", {"pid": 2}], ["stats", "b@h", {"pid": 3}]]
    assert pids(None, replies, False) == [["b@h", 2], ["b@h", 3]]


def test_process_that_did_not_tell_its_pid_is_asked_again():
    asked = []

    def ask(commands, destination, *_more):
        asked.append((commands, destination))
        return [["stats", "b@h", {"pid": 3}]]

    replies = [["ping", "b@h", {}], ["ping", "b@h", {}], ["stats", "b@h", {"pid": 2}]]
    assert pids(ask, replies, False) == [["b@h", 2], ["b@h", 3]]
    assert asked == [([["stats", {}]], ["b@h"])]


def message(body, **headers):
    text = base64.b64encode(json.dumps(body).encode()).decode()
    properties = {"body_encoding": "base64"}
    return {"body": text, "properties": properties, "headers": headers, "content-type": "application/json"}


def test_json_reply_is_opened_without_kombu():
    assert opened(None, message({"a@h": {"ok": "pong"}}, ticket="t"), {"application/json"}) == (
        "t",
        {"a@h": {"ok": "pong"}},
    )


def test_reply_of_another_kind_is_left_to_kombu():
    decoded = types.SimpleNamespace(payload={"a@h": "date"})
    channel = types.SimpleNamespace(message_to_python=lambda _message: decoded)
    for accept, body in (({"application/x-yaml"}, {}), ({"application/json"}, {"__type__": "datetime"})):
        assert opened(channel, message(body, ticket="t"), accept) == ("t", {"a@h": "date"})
        assert decoded.accept == accept
