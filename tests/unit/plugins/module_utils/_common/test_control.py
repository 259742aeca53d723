# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import json
import os

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common import control

FIXTURES = os.path.join(os.path.dirname(os.path.dirname(__file__)), "fixtures")
DEFAULTS = {
    "terminate": False,
    "signal": "SIGTERM",
    **dict.fromkeys(["concurrency", "minimum", "maximum", "queue", "exchange", "exchange_type", "routing_key"]),
    **dict.fromkeys(["task", "rate", "soft", "hard", "task_ids"]),
}


@pytest.fixture(params=["5.3.6", "5.7.0"])
def recorded(request):
    """Replies of real workers: a prefork pool of one process, one with an autoscaler of 2 to 5, solo and threads."""
    with open(os.path.join(FIXTURES, request.param, "control.json")) as stream:
        return json.load(stream)


def command(name, **arguments):
    return control.COMMANDS[name]({**DEFAULTS, **arguments})


def states(plan):
    return plan["status"], plan["before"], plan["after"]


@pytest.mark.parametrize(
    ("name", "wanted", "status", "after"),
    [
        ("pool_grow", 4, "changed", 4),
        ("pool_grow", 1, "unchanged", 1),
        ("pool_shrink", 1, "unchanged", 1),
        ("pool_shrink", 3, "unchanged", 1),
    ],
)
def test_pool_is_as_large_as_it_has_processes(recorded, name, wanted, status, after):
    planned = control.plan(command(name, concurrency=wanted), recorded["prefork"])
    assert states(planned) == (status, {"concurrency": 1}, {"concurrency": after})


def test_pool_is_resized_by_the_difference():
    assert command("pool_grow", concurrency=4).message({"concurrency": 1}) == ["pool_grow", {"n": 3}]
    assert command("pool_shrink", concurrency=1).message({"concurrency": 3}) == ["pool_shrink", {"n": 2}]


@pytest.mark.parametrize(
    ("worker", "name", "arguments", "text"),
    [
        ("scaled", "pool_grow", {"concurrency": 9}, "sized by the autoscaler"),
        ("solo", "pool_grow", {"concurrency": 9}, "the solo pool keeps its size"),
        ("threads", "pool_shrink", {"concurrency": 1}, "the threads pool keeps its size"),
        ("prefork", "autoscale", {"maximum": 3}, "without an autoscaler"),
        ("scaled", "autoscale", {"minimum": 9}, "minimum 9 would be above maximum 5"),
        ("scaled", "pool_restart", {}, "worker_pool_restarts is off"),
        ("threads", "pool_restart", {}, "the threads pool has no processes"),
        ("solo", "revoke", {"task_ids": ["x"], "terminate": True}, "the solo pool cannot stop a task"),
        ("rate", "rate_limit", {"task": "fleet.gone", "rate": "1"}, "does not know the task fleet.gone"),
    ],
)
def test_impossible_command_is_refused_with_the_remedy(recorded, worker, name, arguments, text):
    replies = {"report": recorded["prefork"]["report"], "conf": {}, "revoked": [], "query_task": {}}
    replies.update(recorded[worker])
    planned = control.plan(command(name, **arguments), replies)
    assert planned["status"] == "refused"
    assert text in planned["message"]
    assert planned["remedy"]
    assert planned["before"] == planned["after"]


def test_gevent_pool_tells_its_size_since_5_7(recorded):
    replies = copy.deepcopy(recorded["prefork"])
    replies["stats"]["pool"] = {"implementation": "celery.concurrency.gevent:TaskPool", "max-concurrency": 8}
    planned = control.plan(command("pool_grow", concurrency=9), replies)
    expected = "changed" if "celery:5.7" in replies["report"]["ok"] else "refused"
    assert planned["status"] == expected


def test_autoscale_moves_the_limits_that_are_given(recorded):
    scale = command("autoscale", maximum=8)
    planned = control.plan(scale, recorded["scaled"])
    assert states(planned) == ("changed", {"minimum": 2, "maximum": 5}, {"minimum": 2, "maximum": 8})
    assert scale.message(planned["before"]) == ["autoscale", {"max": 8, "min": 2}]


def test_restarted_pool_has_none_of_the_old_processes(recorded):
    restart = command("pool_restart")
    before = control.plan(restart, recorded["prefork"])["before"]
    assert not restart.reached(before, before)
    assert not restart.reached(before, {"processes": []})
    assert restart.reached(before, {"processes": [before["processes"][0] + 1]})


def test_queues(recorded):
    (first, *_rest) = control.plan(command("add_consumer", queue="extra"), recorded["prefork"])["before"]["queues"]
    assert control.plan(command("add_consumer", queue=first), recorded["prefork"])["status"] == "unchanged"
    assert "extra" in control.plan(command("add_consumer", queue="extra"), recorded["prefork"])["after"]["queues"]
    assert control.plan(command("cancel_consumer", queue="extra"), recorded["prefork"])["status"] == "unchanged"
    assert first not in control.plan(command("cancel_consumer", queue=first), recorded["prefork"])["after"]["queues"]
    assert command("add_consumer", queue="q", exchange="e").message({}) == [
        "add_consumer",
        {"queue": "q", "exchange": "e"},
    ]


@pytest.mark.parametrize(
    ("task", "rate", "status"),
    [
        ("fleet.add", "10/m", "unchanged"),
        ("fleet.add", "10.0/m", "unchanged"),
        ("fleet.add", "10", "changed"),
        ("fleet.add", "0", "changed"),
        ("fleet.nap", "0/h", "unchanged"),
    ],
)
def test_rates_in_several_forms(recorded, task, rate, status):
    assert control.plan(command("rate_limit", task=task, rate=rate), recorded["rate"])["status"] == status


def test_time_limits(recorded):
    planned = control.plan(command("time_limit", task="fleet.add", hard=20.0), recorded["time"])
    assert states(planned) == ("changed", {"soft": 5.0, "hard": 9.5}, {"soft": None, "hard": 20.0})
    assert control.plan(command("time_limit", task="fleet.nap"), recorded["time"])["status"] == "unchanged"


def test_revoked_tasks(recorded):
    known = recorded["prefork"]["revoked"]
    assert control.plan(command("revoke", task_ids=known), recorded["prefork"])["status"] == "unchanged"
    planned = control.plan(command("revoke", task_ids=[*known, "new"]), recorded["prefork"])
    assert states(planned) == ("changed", {"revoked": known}, {"revoked": [*known, "new"]})


def test_revoked_task_that_runs_is_still_to_be_ended(recorded):
    replies = dict(recorded["prefork"], revoked=["x"], query_task={"x": ["active", {"id": "x"}]})
    end = command("revoke", task_ids=["x"], terminate=True, signal="SIGKILL")
    planned = control.plan(end, replies)
    assert states(planned) == ("changed", {"revoked": ["x"], "active": ["x"]}, {"revoked": ["x"], "active": []})
    assert end.message(planned["before"]) == ["revoke", {"task_id": ["x"], "terminate": True, "signal": "SIGKILL"}]


def test_events_are_known_by_what_a_worker_says(recorded):
    on, off = command("enable_events"), command("disable_events")
    already = {"ok": "task events already disabled"}
    assert states(on.judge(recorded["said"]["enable_events"])) == (
        "changed",
        {"task_events": False},
        {"task_events": True},
    )
    assert states(off.judge(recorded["said"]["disable_events"])) == (
        "changed",
        {"task_events": True},
        {"task_events": False},
    )
    assert off.judge(already, {"ok": "task events enabled"})["status"] == "unchanged"
    assert off.judge(already, {"ok": "task events already enabled"})["status"] == "refused"
    assert on.judge(None)["status"] == "silent"
    assert on.judge({"error": "event dispatcher unavailable"})["status"] == "failed"


def test_worker_that_does_not_answer_is_no_success():
    planned = control.plan(command("pool_grow", concurrency=2), {})
    assert (planned["status"], planned["layer"], planned["after"]) == ("silent", "worker", None)
    planned = control.plan(command("shutdown"), {})
    assert (planned["status"], planned["after"]) == ("absent", {"answers": False})
    assert "nothing was sent" in planned["message"]


def test_worker_that_answers_a_part_is_no_success(recorded):
    planned = control.plan(command("pool_restart"), {"stats": recorded["prefork"]["stats"]})
    assert planned["status"] == "silent"
    assert "conf" in planned["message"]


def test_worker_that_answers_with_an_error():
    planned = control.plan(command("add_consumer", queue="q"), {"active_queues": {"error": "redis://:hunter22@h"}})
    assert (planned["status"], planned["message"]) == ("failed", "active_queues: redis://:***@h")
