# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common import replies as _replies

FIXTURES = os.path.join(os.path.dirname(os.path.dirname(__file__)), "fixtures")
NODE = "w1@worker-1"


def recorded(version, method):
    with open(os.path.join(FIXTURES, version, method + ".json")) as stream:
        return json.load(stream)


@pytest.fixture(params=["5.3.6", "5.7.0"])
def reply(request):
    def of(method):
        return _replies.summary(recorded(request.param, method), [NODE], [method])["nodes"][NODE][method]

    return of


def test_every_method_is_recorded(reply):
    for method in _replies.METHODS:
        reply(method)


def test_ping(reply):
    assert reply("ping") == "pong"


def test_active(reply):
    tasks = reply("active")
    assert [task["name"] for task in tasks] == ["shop.nap", "shop.nap"]
    assert tasks[0]["time_start"] < tasks[1]["time_start"]
    assert sorted(tasks[0]) == ["acknowledged", "delivery_info", "hostname", "id", "name", "time_start", "worker_pid"]
    assert tasks[0]["delivery_info"] == {"exchange": "", "routing_key": "hooks", "priority": 0, "redelivered": False}


def test_reserved(reply):
    (task,) = reply("reserved")
    assert (task["time_start"], task["worker_pid"], task["acknowledged"]) == (None, None, False)


def test_scheduled(reply):
    (entry,) = reply("scheduled")
    assert entry["eta"].startswith("2026-")
    assert entry["request"]["name"] == "shop.add"
    assert "args" not in entry["request"]


def test_stats(reply):
    stats = reply("stats")
    assert isinstance(stats["pid"], int)
    assert stats["uptime"] >= 0
    assert stats["pool"]["max_concurrency"] == 2
    assert len(stats["pool"]["processes"]) == 2
    assert stats["pool"]["implementation"] == "celery.concurrency.prefork:TaskPool"
    assert stats["total"]["shop.nap"] >= 1
    assert stats["broker"]["transport"] == "redis"


def test_active_queues(reply):
    queues = reply("active_queues")
    assert [queue["name"] for queue in queues] == ["celery", "hooks", "reports"]
    assert queues[0]["exchange_type"] == "direct"
    assert queues[2]["max_priority"] == 5


def test_registered(reply):
    assert reply("registered") == ["shop.add", "shop.nap"]


def test_revoked(reply):
    assert all(isinstance(task_id, str) for task_id in reply("revoked"))


def test_conf(reply):
    conf = reply("conf")
    assert conf["broker_url"] == "redis://:***@127.0.0.1:6379/0"
    assert conf["task_queues"][0]["routing_key"] == "celery"


def test_report(reply):
    report = reply("report")
    assert "software -> celery:5." in report
    assert "redis://:***@127.0.0.1:6379/0" in report


def test_clock(reply):
    assert isinstance(reply("clock"), int)


def test_query_task(reply):
    found = reply("query_task")
    assert {entry["state"] for entry in found.values()} <= {"active", "reserved", "scheduled", "ready"}
    assert all(entry["request"]["id"] == task_id for task_id, entry in found.items())
    assert all("args" not in entry["request"] for entry in found.values())


def test_silent_unanswered_and_order():
    replies = [["ping", "b@h", {"ok": "pong"}], ["ping", "a@h", {"ok": "pong"}], ["clock", "a@h", {"clock": 7}]]
    assert _replies.summary(replies, ["a@h", "c@h"], ["ping", "clock"]) == {
        "nodes": {"a@h": {"ping": "pong", "clock": 7}, "b@h": {"ping": "pong"}},
        "silent": ["c@h"],
        "duplicates": [],
        "duplicate_pids": {},
        "unanswered": {"b@h": ["clock"]},
    }


def test_two_processes_of_one_name_keep_the_first_reply():
    replies = [["clock", "a@h", {"clock": 1}], ["clock", "a@h", {"clock": 2}]]
    summary = _replies.summary(replies, [], ["clock"])
    assert summary["duplicates"] == ["a@h"]
    assert summary["nodes"] == {"a@h": {"clock": 1}}


def test_two_processes_that_take_turns_show_by_their_pids():
    replies = [["stats", "a@h", {"pid": 7}], ["stats", "b@h", {"pid": 8}]]
    summary = _replies.summary(replies, [], ["stats"], [["a@h", 7], ["a@h", 5], ["b@h", 8], ["b@h", 8]])
    assert summary["duplicates"] == ["a@h"]
    assert summary["duplicate_pids"] == {"a@h": [5, 7]}


def test_worker_that_answers_with_an_error():
    stats = _replies.normal("stats", {"error": "OperationalError('redis://:hunter22@h/0')"})
    assert stats == {"error": "OperationalError('redis://:***@h/0')"}


def test_stats_have_no_passwords():
    broker = {"alternates": ["redis://:hunter22@h/0"], "transport_options": {"password": "hunter22"}}
    stats = _replies.normal("stats", {"broker": broker, "pool": {"api_key": "hunter22"}})
    assert stats["broker"]["alternates"] == ["redis://:***@h/0"]
    assert "hunter22" not in str(stats)


def test_of_the_connection_the_settings_are_left_out():
    stats = _replies.normal("stats", {"broker": {"hostname": "h", "port": 1, "insist": False, "login_method": None}})
    assert stats["broker"] == dict(dict.fromkeys(_replies.BROKER_KEYS), hostname="h", port=1)


def test_pools_without_processes():
    assert _replies.normal("stats", {"pool": {"max-concurrency": 4}})["pool"] == {
        "max_concurrency": 4,
        "processes": [],
    }


def test_names_of_tasks_stay_as_they_are():
    assert _replies.normal("stats", {"total": {"send-mail": 1}})["total"] == {"send-mail": 1}
    assert _replies.normal("registered", ["send-mail [rate_limit=10/m]"]) == ["send-mail"]


def test_commands_keep_one_order_and_leave_arguments_out():
    assert _replies.commands(["query_task", "active", "ping"], ["x"]) == [
        ["ping", {}],
        ["active", {"safe": True}],
        ["query_task", {"ids": ["x"]}],
    ]


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ({"worker_pool_restarts": True}, True),
        ({"WORKER_POOL_RESTARTS": True}, True),
        ({"CELERY_WORKER_POOL_RESTARTS": True}, True),
        ({"CELERY_WORKER_POOL_RESTARTS": True, "worker_pool_restarts": False}, False),
        ({"CELERY_WORKER_POOL_RESTARTS_SOON": True}, None),
        ({}, None),
    ],
)
def test_setting_is_found_in_the_spelling_of_the_application(conf, expected):
    assert _replies.setting(conf, "worker_pool_restarts") is expected
