# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which queues are looked at, and which results count as failures; the brokers themselves are in molecule."""

from __future__ import annotations

import types

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import fleet as _fleet
from ansible_collections.taskfleet.celery.tests.waiting import PATIENCE


class Results:
    """A Redis with results, which hands out two keys a time."""

    def __init__(self, values):
        self.values = values
        self.asked = []

    def scan(self, cursor, match, count):
        keys = [key for key in self.values if key.startswith(match.rstrip("*"))]
        following = cursor + 2
        return (following if following < len(keys) else 0), keys[cursor:following]

    def pipeline(self, transaction):
        assert not transaction
        return self

    def getrange(self, key, first, last):
        self.asked.append(self.values[key][first : last + 1])

    def execute(self):
        answers, self.asked = self.asked, []
        return answers


RESULTS = {
    "celery-task-meta-1": b'{"status": "FAILURE", "result": {}}',
    "celery-task-meta-2": b'{"status": "SUCCESS", "result": "FAILURE"}',
    "celery-task-meta-3": b'{"status": "FAILURE", "result": {}}',
    "celery-task-meta-4": b'{"status": "RETRY"}',
    "celery-task-meta-5": b'{"status": "FAILURE"}',
    "other-6": b'{"status": "FAILURE"}',
}


@pytest.mark.parametrize("prefix", ["celery-task-meta-", b"celery-task-meta-"])
def test_failures_are_counted_over_all_pages(prefix):
    backend = types.SimpleNamespace(task_keyprefix=prefix, client=Results(RESULTS))
    assert _fleet.failures(backend, 60) == 3


def test_failures_end_with_their_time():
    backend = types.SimpleNamespace(task_keyprefix="celery-task-meta-", client=Results(RESULTS))
    assert _fleet.failures(backend, 0) == 0


def test_queues_that_nobody_declared_are_looked_at():
    bound = {"dead_letter", "w1@web1.celery.pidbox", "0b.reply.celery.pidbox", "celeryev.7c", "celeryev", ""}
    bound |= {"bcast.3f1c", "w1@web1.dq2"}
    assert _fleet.with_others(["default"], bound) == ["dead_letter", "default"]


def test_without_time_to_search_the_declared_ones_remain():
    assert _fleet.with_others(["default"], None) == ["default"]


class Unread:
    """Queues behind a connection that RabbitMQ does not read: to ask hangs."""

    kind = "amqp"

    def __init__(self, _connection, _exchanges):
        pass

    def info(self, _names, _clock):
        raise AssertionError("it was asked")


def test_alarm_is_named_and_ends_the_questions(monkeypatch):
    def blocked(*_arguments):
        asked.append(1)
        raise _fleet.Blocked()

    asked = []
    monkeypatch.setattr(_fleet, "conversation", blocked)
    monkeypatch.setattr(_fleet, "KINDS", {"amqp": Unread})
    arguments = {"app": "", "queues": ["default"], "search": False, "commands": [["ping", {}]], "once": [], "hush": 1}
    broker = {"reachable": True, "error": "", "layer": "ok", "transport": "amqp"}
    connection = types.SimpleNamespace(connection_errors=(OSError,))
    fleet = _fleet.Inquiry(None, connection, broker, {}, {**arguments, "awaited": []})
    for is_first in (True, False):
        result = fleet.control(_fleet.Clock(5), is_first)
        assert (result["broker"]["reachable"], result["broker"]["error"]) == (True, _fleet.BLOCKED)
        assert fleet.look(_fleet.Clock(5))["queues"] == {}
    assert len(asked) == 1
    assert fleet.facts(_fleet.Clock(5)) == {"alarms": ["memory or disk"]}


def test_of_a_reply_only_what_judging_takes_is_carried():
    stats = {"pid": 7, "pool": {"max-concurrency": 2}, "total": {"add": 3}, "prefetch_count": 8}
    assert _fleet.lean("stats", {**stats, "rusage": {"utime": 1}, "broker": {"hostname": "x"}}) == stats
    assert _fleet.lean("active_queues", [{"name": "a", "exchange": {"name": "a"}}]) == [{"name": "a"}]
    assert _fleet.lean("active_queues", [1, {"alias": "a", "name": "bcast.3f"}]) == [
        1,
        {"name": "bcast.3f", "alias": "a"},
    ]
    assert _fleet.lean("active", [{"id": "1"}]) == [{"id": "1"}]


@pytest.mark.parametrize("method", ["stats", "active_queues", "conf"])
def test_error_is_carried_whole(method):
    assert _fleet.lean(method, {"error": "KeyError()"}) == {"error": "KeyError()"}


class Told(dict):
    """What a helper tells, as the runtime keeps it."""

    def __call__(self, **more):
        self.update(more)

    def more(self, **pieces):
        for name, piece in pieces.items():
            self.setdefault(name, []).append(piece)


def test_broker_that_does_not_answer_is_asked_twice(monkeypatch):
    gone = {"reachable": False, "error": "refused", "layer": "tcp", "transport": "redis"}
    monkeypatch.setattr(_fleet, "transport_options", lambda *_arguments: {})
    monkeypatch.setattr(_fleet, "first_broker", lambda *_arguments, **_options: (dict(gone), None))
    monkeypatch.setattr(_fleet, "application", lambda _arguments: types.SimpleNamespace(conf=types.SimpleNamespace()))
    tell = Told()
    arguments = {"app": "", "broker_url": "redis://127.0.0.1/0", "deadline": _fleet.time.monotonic() + PATIENCE}
    assert _fleet.main(arguments, tell) == {}
    assert tell["broker"] == gone
    assert [(sample["broker"], sample["asked"]) for sample in tell["control"]] == [(gone, False)] * 2
    assert (tell["queues"], tell["facts"]) == ([], {})
