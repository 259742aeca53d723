# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import app as remote
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import rights

WORKER = {"queues": ["a", "b"], "remote_control": True, "gossip": False}


class ResponseError(Exception):
    """As redis-py calls it."""


class NoPermissionError(ResponseError):
    """As redis-py calls it."""


class AccessRefused(Exception):
    """As py-amqp calls it."""

    reply_code = 403


class PreconditionFailed(Exception):
    """As py-amqp calls it."""

    reply_code = 406


class NotFound(Exception):
    """As py-amqp calls it."""

    reply_code = 404


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NoPermissionError("this user has no permissions to run the 'brpop' command"), "permission"),
        (ResponseError("NOPERM this user has no permissions"), "permission"),
        (AccessRefused("(403) ACCESS_REFUSED"), "permission"),
        (PreconditionFailed("inequivalent arg 'x-max-priority'"), "arguments"),
        (Exception("INTERNAL_ERROR - Feature `transient_nonexcl_queues` is deprecated."), "transient"),
        (ResponseError("You can't write against a read only replica."), "other"),
    ],
)
def test_kinds_of_errors(error, kind):
    assert rights.refusal("x", error) == {
        "what": "x",
        "error": "{0}: {1}".format(type(error).__name__, error),
        "kind": kind,
    }


class Redis:
    """Pool and connection in one: answers each command, and keeps what was sent."""

    def __init__(self, errors):
        self.errors = errors
        self.sent = []

    def get_connection(self, _command):
        return self

    def send_command(self, *words):
        self.sent.append(words)

    def read_response(self):
        error = self.errors.get(self.sent[-1][0])
        if error:
            raise error

    def disconnect(self):
        self.sent.append("gone")

    def release(self, connection):
        assert connection is self


@pytest.fixture
def redis(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", SimpleNamespace(ResponseError=ResponseError))
    return Redis


def test_commands_for_redis_are_never_carried_out(redis):
    pool = redis({"BRPOP": NoPermissionError("no permissions"), "WATCH": ResponseError("WATCH inside a transaction")})
    found = rights.redis_refusals(pool, [("BRPOP", b"a", "a3", 1), ("WATCH", "x"), ("LLEN", "a")])
    assert [one["what"] for one in found] == ["BRPOP a"]
    assert pool.sent[0] == ("MULTI",)
    assert pool.sent[-1] == "gone"
    assert "EXEC" not in str(pool.sent)


def channel(prefix=""):
    return SimpleNamespace(
        global_keyprefix=prefix,
        unacked_key="unacked",
        unacked_index_key="unacked_index",
        keyprefix_queue="_kombu.binding.%s",
        priority_steps=[0, 3],
        _q_for_pri=lambda name, priority: name + ("/3" if priority else ""),
        _get_publish_topic=lambda exchange, key: "/0." + exchange + ("/" + key if key else ""),
        client=SimpleNamespace(_prefix_args=lambda words: [words[0], prefix + words[1], *words[2:]]),
    )


def queue(name, exchange="x", key="", **more):
    return SimpleNamespace(name=name, exchange=SimpleNamespace(name=exchange), routing_key=key, **more)


def test_redis_is_told_what_kombu_sends():
    commands = rights.redis_commands(
        channel(), {rights.REMOTE_CONTROL: "/0.celery.pidbox", "gossip": "/0.ev/*"}, [queue("a")]
    )
    assert commands[:3] == [
        ("PSUBSCRIBE", "/0.celery.pidbox"),
        ("PSUBSCRIBE", "/0.ev/*"),
        ("PUBLISH", "/0.celery.pidbox", ""),
    ]
    assert ("BRPOP", "a", "a/3", 1) in commands
    assert ("SADD", "_kombu.binding.x", "") in commands
    assert rights.redis_commands(channel("px:"), {}, [queue("a")])[0] == ("ZADD", "px:unacked_index", 0, "taskfleet")


def test_topic_is_the_one_that_kombu_listens_at():
    assert rights.topic(channel("px:"), queue("q", "celery.pidbox")) == "px:/0.celery.pidbox"
    assert rights.topic(channel(), queue("q", "celeryev", "worker.#")) == "/0.celeryev/worker.*"


class Queues(dict):
    """As Celery's, of an application that makes no missing ones."""


def application(enabled=True):
    queues = Queues(a=queue("a"), celery=queue("celery"))
    queues.consume_from = {"celery": None}
    return SimpleNamespace(
        conf=SimpleNamespace(worker_enable_remote_control=enabled),
        control=SimpleNamespace(mailbox=SimpleNamespace(get_queue=queue)),
        events=SimpleNamespace(Receiver=lambda connection, routing_key: SimpleNamespace(queue=queue("celeryev.1"))),
        amqp=SimpleNamespace(queues=queues),
    )


@pytest.mark.parametrize(
    ("enabled", "worker", "uses"),
    [
        (True, {}, ["remote control"]),
        (False, {}, []),
        (True, {"remote_control": False}, []),
        (True, {"gossip": True}, ["remote control", "gossip"]),
    ],
)
def test_queues_that_a_worker_has_for_itself(enabled, worker, uses):
    assert list(rights.own_queues(application(enabled), None, {**WORKER, **worker})) == uses


def test_queue_that_the_application_would_not_make_is_not_tried():
    assert [one.name for one in rights.task_queues(application(), ["a", "b"])] == ["a"]
    assert [one.name for one in rights.task_queues(application(), [])] == ["celery"]


class Amqp:
    """A connection whose channels declare queues; what each of them was asked is kept."""

    def __init__(self, known=(), errors=None):
        self.known, self.errors, self.asked = known, errors or {}, []

    def channel(self):
        return self

    def close(self):
        pass

    def queue_declare(self, name, passive=False, arguments=None, **_kwargs):
        self.asked.append((name, "passive" if passive else arguments))
        if passive and name not in self.known:
            raise NotFound(name)
        if name in self.errors:
            raise self.errors[name]
        if arguments == rights.IMPOSSIBLE:
            raise PreconditionFailed("invalid arg 'x-expires'")


@pytest.fixture
def amqp(monkeypatch):
    errors = SimpleNamespace(NotFound=NotFound, PreconditionFailed=PreconditionFailed)
    monkeypatch.setitem(sys.modules, "amqp", SimpleNamespace(exceptions=errors))
    monkeypatch.setitem(sys.modules, "amqp.exceptions", errors)
    return Amqp


def declaring(name, arguments):
    def bind(channel):
        return SimpleNamespace(queue_declare=lambda: channel.queue_declare(name, arguments=arguments))

    return SimpleNamespace(name=name, bind=bind)


def test_queue_that_is_there_is_declared_with_the_applications_arguments(amqp):
    connection = amqp(known=["a"])
    assert rights.tried(connection, "declare a", rights._declare, declaring("a", {"x-max-priority": 5})) == []
    assert connection.asked == [("a", "passive"), ("a", {"x-max-priority": 5})]
    connection = amqp(known=["a"], errors={"a": PreconditionFailed("inequivalent arg")})
    (refusal,) = rights.tried(connection, "declare a", rights._declare, declaring("a", None))
    assert (refusal["what"], refusal["kind"]) == ("declare a", "arguments")


def test_queue_that_is_not_there_is_not_made(amqp):
    connection = amqp()
    assert rights.tried(connection, "declare a", rights._declare, declaring("a", {"x-max-priority": 5})) == []
    assert connection.asked == [("a", "passive"), ("a", rights.IMPOSSIBLE)]
    connection = amqp(errors={"a": AccessRefused("(403) ACCESS_REFUSED")})
    (refusal,) = rights.tried(connection, "declare a", rights._declare, declaring("a", None))
    assert refusal["kind"] == "permission"


def test_transport_that_is_neither_is_not_tried():
    assert rights.broker_refusals(None, SimpleNamespace(transport_cls="memory"), WORKER, 1.0) == []
    backend = {"type": "db+postgresql", "reachable": True}
    assert rights.backend_refusals(None, backend, 1.0) == []
    assert rights.backend_refusals(None, {"type": "redis", "reachable": False}, 1.0) == []


def test_silence_is_a_refusal_too(monkeypatch):
    monkeypatch.setattr(rights, "_redis", lambda *_arguments: time.sleep(5))
    (refusal,) = rights.broker_refusals(None, SimpleNamespace(transport_cls="redis"), WORKER, 0.05)
    assert refusal["kind"] == "other"
    assert "no answer within" in refusal["error"]


def test_nothing_is_tried_unless_it_is_said_what_workers_do():
    assert remote.refused(None, {"reachable": True}, None, {}, None, 1.0) == {}
