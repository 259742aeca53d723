# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._act.outcomes import (
    EMPTY,
    UNREAD,
    at_work,
    awaited,
    heal_failure,
    heal_plan,
    lines,
    outcomes,
    patience,
    record,
    rolling_plan,
    services,
    strays,
    taken,
    unproven,
    with_canaries,
    work,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.report import report
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.verdict import judge
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.rules.stuck_fleets import loop_blocked
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import ExampleFleet, report_of

LIMITS = {"soft": 180, "hard": 240, "stop": 300}
QUEUES = {"a": ["mail"], "b": ["mail"], "c": ["mail", "pdf"], "d": ["pdf"], "e": ["pdf"], "f": ["rare"]}
EXPECTED = [{"node": name + "@h", "queues": queues, "limits": LIMITS} for name, queues in QUEUES.items()]


def node(name, verdict="healthy", reason="idle", pid=10, active=0, at_hand=None, pool="prefork"):
    return {
        "node": name + "@h",
        "host": "h",
        "instance": name,
        "verdict": verdict,
        "reason": reason,
        "cause": "Because.",
        "evidence": {"seen": {"pid": pid, "active": active, "at_hand": at_hand, "unacked": 0, "pool": pool}},
    }


def result(*nodes, kind="redis", reachable=True):
    broker = {"refusing": False, "error": ""}
    return {
        "report": {"nodes": list(nodes), "broker": dict(broker, kind=kind, reachable=reachable)},
        "work": {one["node"]: {"at_work": any(one["evidence"]["seen"].values()), "worked": []} for one in nodes},
        "visibility_timeout": 1800,
    }


def look(wchan):
    return {"children": [{"pid": 11, "wchan": "anon_pipe_read"}, {"pid": 12, "wchan": wchan}]}


@pytest.mark.parametrize(
    ("verdict", "looks", "seconds"),
    [
        (node("a", active=0), [], EMPTY + UNREAD),
        (node("a", active=0, pool=None), [], EMPTY + UNREAD),
        (node("a", active=0, pool="threads"), [], EMPTY),
        (node("a", active=1), [], 285),
        (node("a", active=1, pool="threads"), [], 255),
        (node("a", active=0, at_hand=3), [look("pipe_read"), look("pipe_read")], 285),
        (node("a", active=None), [], 285),
        (node("a", active=None), [look("anon_pipe_read"), look("pipe_read")], EMPTY + UNREAD),
        # A task that sleeps, waits for a peer or for a lock takes no more of the processor than no task at all.
        (node("a", active=None), [look("anon_pipe_read"), look("hrtimer_nanosleep")], 285),
        (node("a", active=None), [look(None), look(None)], 285),
        (node("a", active=None), [look("pipe_read")], 285),
        (node("a", reason="hung_in_startup", active=None), [], EMPTY),
    ],
)
def test_task_that_may_run_gets_the_time_that_it_may_take(verdict, looks, seconds):
    assert patience(verdict, at_work(verdict, looks), LIMITS) == seconds


def test_nobody_waits_longer_than_the_service_manager():
    assert patience(node("a", active=1), True, dict(LIMITS, stop=250)) == 250


def test_soft_shutdown_ends_before_the_service_manager_kills():
    assert patience(node("a", active=1), True, dict(LIMITS, soft_shutdown=30)) == 270
    assert patience(node("a", active=1), True, dict(LIMITS, soft_shutdown=30, stop=900)) == 285


def test_task_without_a_limit_of_the_collection_gets_the_time_of_the_stop():
    assert patience(node("a", active=1), True, {"stop": 900}) == 900
    assert patience(node("a", active=1), True, {"stop": 900, "soft_shutdown": 60}) == 840


def test_plan_says_how_long_each_may_take():
    fleet = ExampleFleet(3)
    evidence = fleet.evidence()
    health = report(judge(fleet.expected, evidence), evidence)
    health["nodes"][0].update(verdict="down", reason="not_running", action="start")
    made = heal_plan({"report": health, "work": work(health, evidence)}, fleet.expected["nodes"], {}, {}, 0)
    assert [[step["node"] for step in batch] for batch in made["batches"]] == [[health["nodes"][0]["node"]]]
    assert made["batches"][0][0]["patience"] >= EMPTY


def rolling(nodes, chosen=(), fraction=0.34, done=(), **more):
    made = rolling_plan(result(*nodes, **more), EXPECTED, chosen, fraction, done)
    return [[step["instance"] for step in batch] for batch in made["batches"]], made


def test_of_no_queue_more_than_the_fraction_is_away():
    batches, _made = rolling([node(name) for name in QUEUES])
    for batch in batches:
        for queue in ("mail", "pdf", "rare"):
            assert sum(queue in QUEUES[name] for name in batch) <= 1
    assert len(batches) == 3
    assert sorted(name for batch in batches for name in batch) == sorted(QUEUES)


def test_who_is_ill_counts_as_away():
    nodes = [node("a"), node("b", "down", "not_running"), node("c"), node("d"), node("e"), node("f")]
    batches, made = rolling(nodes)
    assert batches == [["d", "f"], ["e"]]
    assert [entry["why"] for entry in made["left_alone"] if entry["node"] == "a@h"] == [
        "too many other workers of mail are unhealthy: fix them first"
    ]
    assert rolling(nodes, fraction=0.67)[0][0] == ["a", "d", "e", "f"]


def test_rolling_goes_on_where_it_stopped_and_touches_only_the_chosen():
    nodes = [node("a"), node("b", "stuck", "loop_stalled"), node("c"), node("d"), node("e"), node("f")]
    batches, made = rolling(nodes, chosen=["a@h", "b@h", "e@h"], done=["a@h"])
    assert batches == [["e"]]
    assert {entry["node"]: entry["why"] for entry in made["left_alone"]} == {
        "a@h": "it was restarted before",
        "b@h": "stuck/loop_stalled: fix it first",
        "c@h": "it was not chosen",
        "d@h": "it was not chosen",
        "f@h": "it was not chosen",
    }


@pytest.mark.parametrize("reachable", [False, None])
def test_nobody_is_restarted_without_a_broker(reachable):
    batches, made = rolling([node("a")], reachable=reachable)
    assert batches == []
    assert made["hold"]


def step(name="a", action="restart"):
    return dict(node(name, "stuck", "loop_stalled"), action=action, old_pid=10, tasks={"active": 1})


def outcome(taken, after, **more):
    return outcomes([step()], {"a@h": taken} if taken is not None else {}, result(after, **more))[0]


@pytest.mark.parametrize(
    ("taken", "after", "why"),
    [
        ({"before_pid": 10, "after_pid": 20, "signal": "TERM"}, node("a", pid=20), ""),
        ({"before_pid": 10, "after_pid": 20, "signal": "TERM"}, node("a", "misconfigured", "clock_drift", 20), ""),
        ({"before_pid": 10, "after_pid": 20, "signal": "TERM"}, node("a", "stuck", "loop_stalled", 20), "stuck/"),
        ({"before_pid": 10, "after_pid": 20, "signal": "TERM"}, node("a", "unknown", "probe_failed", 20), "unknown/"),
        ({"before_pid": 10, "after_pid": 10, "signal": ""}, node("a", pid=10), "the same as before"),
        ({"before_pid": 10, "after_pid": 0, "error": "refused"}, node("a", pid=0), "refused"),
        (None, node("a", pid=20), "its host did not answer"),
    ],
)
def test_well_again_is_a_new_process_that_works(taken, after, why):
    found = outcome(taken, after)
    assert found["verified"] is (not why)
    assert why in found["why"]


def test_worker_that_was_started_by_its_service_manager_meanwhile_is_well():
    found = {"a@h": {"before_pid": 20, "after_pid": 20, "signal": ""}}
    assert outcomes([step(action="start")], found, result(node("a", pid=20)))[0]["verified"]


@pytest.mark.parametrize(
    ("signal", "kind", "words"),
    [
        ("TERM", "redis", "gave back"),
        ("KILL", "redis", "come back within 1800 s"),
        ("KILL", "redis", "One that Redis was just handing over"),
        ("QUIT", "rabbitmq", "at once"),
    ],
)
def test_tasks_are_accounted_for(signal, kind, words):
    taken = {"before_pid": 10, "after_pid": 20, "signal": signal, "seconds": 3.0}
    assert words in outcome(taken, node("a", pid=20), kind=kind)["tasks"]["fate"]


def test_work_proves_that_a_worker_works_again():
    after = result(node("a", pid=20))
    heartbeat = {"pid": 20, "completed_total": 3}
    evidence = {"nodes": {"a@h": {"host_samples": [{"heartbeat": heartbeat, "children": None}], "control": []}}}
    after["work"] = work(after["report"], evidence)
    taken = {"a@h": {"before_pid": 10, "after_pid": 20, "signal": "TERM"}}
    assert outcomes([step()], taken, after)[0]["proof"] == "tasks went through it"
    heartbeat["pid"] = 10
    after["work"] = work(after["report"], evidence)
    assert unproven(outcomes([step()], taken, after)) == ["a@h"]


@pytest.mark.parametrize(
    ("sent", "verified", "proof"),
    [
        ({"item": "a@h", "state": "SUCCESS", "reason": ""}, True, "a task that was sent to it came back"),
        ({"item": "a@h", "state": "PENDING", "reason": "not_taken", "message": "it waits"}, False, ""),
        ({"item": "a@h", "state": "PENDING", "reason": "result_unreadable", "message": "none"}, True, ""),
        ({"item": "a@h", "failed": True, "msg": "no answer"}, True, ""),
        ({"item": "b@h", "state": "PENDING", "reason": "not_taken", "message": "it waits"}, True, ""),
    ],
)
def test_canary_proves_the_rest(sent, verified, proof):
    found = outcome({"before_pid": 10, "after_pid": 20, "signal": "TERM"}, node("a", pid=20))
    [proven] = with_canaries([found], [sent])
    assert (proven["verified"], proven["proof"]) == (verified, proof)
    assert bool(proven["why"]) is not verified


BATCH = [
    {
        "node": "a@h",
        "host": "h",
        "service": "shop-worker@a",
        "action": "restart",
        "patience": 285,
        "soft_shutdown": 30,
        "start_timeout": 120,
    },
    {
        "node": "b@k",
        "host": "k",
        "service": "shop-worker@b",
        "action": "start",
        "patience": 15,
        "soft_shutdown": 0,
        "start_timeout": 360,
    },
]


def test_restart_gets_the_steps_of_its_host():
    assert services(BATCH, "h", 300) == [
        {"service": "shop-worker@a", "action": "restart", "patience": 285, "soft_shutdown": 30, "start_timeout": 300}
    ]
    assert services(BATCH, "k", 300)[0]["start_timeout"] == 360
    assert services(BATCH, "elsewhere", 0) == []


def test_host_that_did_not_answer_reports_nothing():
    results = taken(BATCH, {"h": {"services": [{"error": ""}]}, "k": {"unreachable": True}})
    assert results == {"a@h": {"error": ""}}
    assert awaited(dict(results, **{"c@h": {"error": "gone"}})) == ["a@h"]


def made(*batches, hold="", left_alone=()):
    return {
        "batches": [[dict(step) for step in batch] for batch in batches],
        "left_alone": list(left_alone),
        "hold": hold,
    }


def test_record_says_what_the_run_did_not_come_to():
    plan = made(BATCH[:1], BATCH[1:], left_alone=[{"node": "z@h", "why": "healthy/idle: nothing"}])
    recorded = record(plan, [{"node": "a@h", "verified": False}], {"a@h": 1, "x@h": 2}, 50.7)
    assert recorded["planned"] == ["a@h", "b@k"]
    assert recorded["left_alone"][1] == {"node": "b@k", "why": "stopped: a@h failed verification"}
    assert recorded["last_restarts"] == {"a@h": 50, "x@h": 2}
    assert recorded["done"] == []
    assert recorded["proofs"] == {}
    assert record(dict(plan, proofs={"a@h": ""}), [], {}, 50)["proofs"] == {"a@h": ""}
    assert record(plan, [{"node": "a@h", "verified": True}], {}, 50, ["y@h"])["done"] == ["y@h", "a@h"]


def test_lines_name_who_is_touched_and_who_is_not():
    step = dict(BATCH[0], verdict="stuck", reason="pool_dead", cause="Because.")
    left = [{"node": "z@h", "why": "healthy/idle: nothing"}, {"node": "y@h", "why": "cooldown"}]
    assert lines(made([step], left_alone=left)) == ["restart a@h (stuck/pool_dead): Because.", "leave y@h: cooldown"]
    proven = dict(BATCH[1], verdict="down", reason="start_failed", cause="Because.")
    plan = dict(made([proven]), proofs={"b@k": ""})
    assert lines(plan) == ["start b@k (down/start_failed, and its proof passes now): Because."]
    assert lines(made(hold="no broker")) == ["Nobody is touched: no broker"]
    assert lines(made()) == ["There is nothing to do."]


def test_strays_have_their_host():
    looks = {"h": {"strays": [{"pid": 7, "kind": "beat", "cmdline": "celery beat", "user": "x"}]}, "k": {}}
    assert strays(looks) == [{"host": "h", "pid": 7, "kind": "beat", "cmdline": "celery beat"}]


# -- Why healing fails


@pytest.mark.parametrize(
    ("fleet", "plan", "restarted", "sentence"),
    [
        (ExampleFleet(), {}, [], ""),
        (
            loop_blocked(),
            {"left_alone": [{"node": "w1@web1", "why": "it was restarted 40 s ago, and the cooldown is 300 s"}]},
            [],
            "w1@web1: it was restarted 40 s ago, and the cooldown is 300 s",
        ),
        (
            ExampleFleet(300, sentinel=False).broker_down(),
            {"hold": "the broker does not answer: tcp: connection refused"},
            [],
            "broker, w1@web1, w2@web1 and 298 more: the broker does not answer: tcp: connection refused",
        ),
        (
            ExampleFleet(),
            {},
            [{"node": "w2@web1", "verified": False, "why": "it does not run"}],
            "w2@web1: it does not run. The rest of the plan was left out",
        ),
        (ExampleFleet(), {}, [{"node": "w2@web1", "verified": True, "why": ""}], ""),
    ],
    ids=["healthy", "cooldown", "broker", "unverified", "verified"],
)
def test_healing_fails_while_something_is_not_well(fleet, plan, restarted, sentence):
    made = {"left_alone": [], "hold": "", **plan}
    assert heal_failure({"report": report_of(fleet)}, made, restarted, {}) == sentence


def test_healing_fails_for_what_it_is_to_heal_even_if_a_look_would_not():
    made, policy = {"left_alone": [], "hold": ""}, {"heal_verdicts": "stuck"}
    found = {"report": report_of(loop_blocked(), fail_on=[])}
    assert heal_failure(found, made, [], policy).startswith("w1@web1: To do: run restart_idle")
    assert heal_failure(found, made, [], {"heal_verdicts": ["down"]}) == ""
