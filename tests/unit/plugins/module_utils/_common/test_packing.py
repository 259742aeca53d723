# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.packing import each_once, pack, read, unpack


@pytest.mark.parametrize(
    "body",
    [
        {"w1@h": {"ok": "pong"}},
        {"w1@h": []},
        {'w"1@h': 1},
        {"w\\@h": [1]},
        {"w: 1@h": {"a": "b"}},
        {'w1": @h': {"a": "b"}},
        {"wä@h": None},
        {"a@h": 1, "b@h": 2},
        {},
    ],
)
@pytest.mark.parametrize("separators", [None, (",", ":")])
def test_body_is_read_as_json_is(body, separators):
    for ascii_only in (True, False):
        text = json.dumps(body, ensure_ascii=ascii_only, separators=separators)
        assert read(text) == json.loads(text) == body


@pytest.mark.parametrize("text", ["", "{", '{"a": ', '{"a": }', "[1]trailing"])
def test_invalid_json_is_refused(text):
    with pytest.raises(json.JSONDecodeError):
        read(text)


def test_equal_bodies_are_one_object():
    first, second, third = (
        read(json.dumps({name: {"ok": number}}))[name] for name, number in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first is second
    assert first is not third


def test_each_body_is_carried_once():
    shared = {"name": "q"}
    replies = [["active_queues", "a@h", shared], ["active_queues", "b@h", shared], ["stats", "a@h", {"pid": 1}]]
    packed = pack(replies)
    assert packed["bodies"] == [shared, {"pid": 1}]
    assert unpack(json.loads(json.dumps(packed))) == replies


def test_empty_output_is_no_reply():
    assert unpack({}) == []


def test_call_is_made_once_for_each_body_and_method():
    calls = []
    answer = each_once(lambda method, body: calls.append(method) or len(calls))
    body, other = {"a": 1}, {"a": 1}
    assert [answer("x", body), answer("x", body), answer("y", body), answer("x", other)] == [1, 1, 2, 3]
