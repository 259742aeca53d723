# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import json
import ssl
import struct
import urllib.error
from types import SimpleNamespace

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common import queue_args
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues import amqp, redis
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues import store_amqp as store

BINDINGS = [["a", "", "one"], ["b", "", "two"], ["x.#", r"^x\..*?$", "three"]]


def test_lengths_of_all_priorities_add_up():
    queue = redis.queue_info({0: 10, 3: 0, 6: 2}, 0)
    assert (queue["exists"], queue["ready"], queue["by_priority"]) == (True, 12, {"0": 10, "3": 0, "6": 2})


def test_error_of_one_list_is_no_number():
    queue = redis.queue_info({0: 10, 3: ValueError("WRONGTYPE")}, 0)
    assert (queue["error"], queue["ready"], queue["by_priority"], queue["exists"]) == ("WRONGTYPE", None, None, None)


def test_empty_queue_may_be_there_or_not():
    assert redis.queue_info({0: 0}, 0)["exists"] is None


def test_messages_held_by_an_interrupted_purge_are_a_queue():
    queue = redis.queue_info({0: 0, 3: 0}, 8)
    assert (queue["exists"], queue["ready"], queue["held"]) == (True, 0, 8)


@pytest.mark.parametrize(
    ("key", "names"), [("a", {"one"}), ("b", {"two"}), ("x.y", {"three"}), ("y", set()), ("", set())]
)
def test_routing_key_leads_to_its_queues(key, names):
    assert redis.routed(BINDINGS, key) == names


def test_pattern_that_is_no_expression_fits_nothing():
    assert redis.routed([["k", "(", "one"]], "x") == set()


def message(**properties):
    return json.dumps({"body": "", "properties": properties}).encode()


@pytest.mark.parametrize(
    ("raw", "sent"),
    [
        (message(timestamp=100), 100),
        (message(timestamp=True), None),
        (message(timestamp="yesterday"), None),
        (message(), None),
        (b"\xff", None),
        (b"[]", None),
        (b"{}", None),
        (None, None),
    ],
)
def test_only_a_number_is_a_time(raw, sent):
    assert redis.sent_at(raw) == sent


def test_age_of_the_head_is_that_of_the_oldest():
    assert redis.head_age([message(timestamp=100), None, message(timestamp=90)], 120) == 30
    assert redis.head_age([None, message()], 120) is None


@pytest.mark.parametrize(
    ("unacked", "ready", "age", "what"),
    [
        (5, None, 5, "unacked"),
        (None, 7, 7, "ready"),
        (5, 7, 7, "ready"),
        (9, 7, 9, "unacked"),
        (None, None, None, None),
    ],
)
def test_oldest(unacked, ready, age, what):
    assert redis.oldest(unacked, ready) == {"oldest_age": age, "oldest_age_of": what}


def test_clocks_that_differ_give_no_negative_age():
    assert redis.age(100, 103.5) == 0


def test_consumers_wait_for_messages_in_this_database():
    listed = [
        {"cmd": "brpop", "db": "0", "name": "w2@h", "addr": "h:2", "idle": "1", "flags": "b"},
        {"cmd": "brpop", "db": "1", "name": "other", "addr": "h:3", "idle": "1", "flags": "b"},
        {"cmd": "psubscribe", "db": "0", "name": "w1@h", "addr": "h:4", "idle": "1", "flags": "P"},
        {"cmd": "brpop", "db": "0", "name": "w1@h", "addr": "h:1", "idle": "9", "flags": "N"},
    ]
    assert redis.consumers_in(listed, 0) == [
        {"name": "w1@h", "address": "h:1", "idle": 9, "blocked": False},
        {"name": "w2@h", "address": "h:2", "idle": 1, "blocked": True},
    ]


# -- RabbitMQ's management API

CLASSIC = {"messages_unacknowledged": 3, "type": "classic", "arguments": {}, "head_message_timestamp": None}


def test_of_a_management_url_that_cannot_be_read_nothing_is_shown():
    queues = amqp.AmqpQueues(SimpleNamespace(virtual_host="/"), {})
    looked = queues.info([], None, "http://shop:hun/ter2@h:15672")
    assert looked["management"]["layer"] == "url"
    assert not any(part in str(looked) for part in ("hun", "ter2"))


def test_management_api_adds_what_amqp_does_not_tell():
    queue = amqp.managed(CLASSIC, {"ready": 5}, 1000)
    assert (queue["unacked"], queue["type"], queue["by_priority"]) == (3, "classic", {"0": 5})
    assert queue["unknown"] == {"oldest_age": amqp.NO_AGE}


def test_priorities_are_in_their_order():
    status = {"priority_lengths": {"10": 1, "9": 0, "0": 4}}
    queue = amqp.managed(dict(CLASSIC, backing_queue_status=status), {"ready": 5}, 1000)
    assert list(queue["by_priority"].items()) == [("0", 4), ("9", 0), ("10", 1)]


def test_priorities_that_are_behind_are_not_reported():
    status = {"priority_lengths": {"0": 4}}
    queue = amqp.managed(dict(CLASSIC, backing_queue_status=status), {"ready": 5}, 1000)
    assert "by_priority" not in queue
    assert queue["unknown"]["by_priority"] == amqp.BEHIND


def test_priorities_that_the_api_does_not_know():
    queue = amqp.managed(dict(CLASSIC, arguments={"x-max-priority": 5}), {"ready": 5}, 1000)
    assert queue["unknown"]["by_priority"] == amqp.NO_PRIORITIES


def test_new_queue_has_no_numbers_yet():
    queue = amqp.managed({"type": "quorum"}, {"ready": 5}, 1000)
    assert queue["unacked"] is None
    assert "unacked" in queue["unknown"]


def test_age_of_the_head():
    queue = amqp.managed(dict(CLASSIC, head_message_timestamp=990), {"ready": 5}, 1000)
    assert (queue["oldest_age"], queue["oldest_age_of"]) == (10, "ready")


@pytest.mark.parametrize(
    ("error", "reachable", "layer"),
    [
        (urllib.error.HTTPError("http://h", 401, "Unauthorized", {}, io.BytesIO()), True, "auth"),
        (urllib.error.HTTPError("http://h", 500, "Oops", {}, io.BytesIO()), True, "protocol"),
        (urllib.error.URLError(ConnectionRefusedError(111, "Connection refused")), False, "tcp"),
        (urllib.error.URLError(OSError(-2, "Name or service not known")), False, "dns"),
        (urllib.error.URLError(ssl.SSLError("bad certificate")), False, "tls"),
        (ValueError("no JSON"), False, "protocol"),
    ],
)
def test_layer_of_a_request_that_failed(error, reachable, layer):
    assert amqp.failed(error)[:2] == (reachable, layer)


def test_secrets_are_found_at_any_depth():
    options = {"sep": ":", "sentinel_kwargs": {"password": "hunter22"}, "priority_steps": [0, 5]}
    assert queue_args._flat(options) == {"sep": ":", "sentinel_kwargs.password": "hunter22"}


# -- Properties of AMQP as they are on the wire

COUNT = b"\x10x-delivery-count"
TASK = b"\x04taskS\x00\x00\x00\x03add"
PRIORITY = b"\x05"


def properties(*entries, content=True):
    table = b"".join(entries)
    kinds = b"\x04text\x05utf-8" if content else b""
    flags = (0xC000 if content else 0) | 0x2000 | 0x0800
    return struct.pack(">H", flags) + kinds + struct.pack(">I", len(table)) + table + PRIORITY


@pytest.mark.parametrize("count", [b"l" + b"\x00" * 7 + b"\x01", b"I\x00\x00\x00\x01", b"b\x01", b"s\x00\x01"])
@pytest.mark.parametrize("content", [True, False])
def test_header_is_taken_out_and_nothing_else_changes(count, content):
    for entries in ([COUNT + count, TASK], [TASK, COUNT + count]):
        raw = properties(*entries, content=content)
        assert store.without_header(raw, "x-delivery-count") == properties(TASK, content=content)


def test_without_another_header_the_table_goes_too():
    raw = properties(COUNT + b"b\x01", content=False)
    assert store.without_header(raw, "x-delivery-count") == b"\x08\x00" + PRIORITY


@pytest.mark.parametrize(
    "raw",
    [properties(TASK), properties(COUNT + b"S\x00\x00\x00\x011"), b"\x00\x00", b"\x80\x00\x10x-delivery-count"],
)
def test_header_that_is_not_found_is_left_to_the_library(raw):
    assert store.without_header(raw, "x-delivery-count") is None
