# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._act.plan import batch_size, plan, to_prove
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import REASONS, entry
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.examples import MANY_EXAMPLES
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.scenes import SCENES
from hypothesis import given
from hypothesis import strategies as st

WELL = {"kind": "redis", "reachable": True, "refusing": False, "error": ""}
NOW = 1_790_000_000


def verdict(node, reason, host="web1"):
    verdict = entry(reason)
    decided = [{"item": "service.state", "readings": ["failed"]}]
    verdict.update(
        node=node, host=host, instance=node.partition("@")[0], cause="It is so.", evidence={"decided_by": decided}
    )
    return verdict


def fleet(*reasons, broker=None, findings=()):
    nodes = [verdict(f"w{number}@web1", reason) for number, reason in enumerate(reasons, 1)]
    return {"broker": dict(broker or WELL), "nodes": nodes, "findings": list(findings)}


def names(planned):
    return [[step["node"] for step in batch] for batch in planned["batches"]]


def why(planned):
    return {entry["node"]: entry["why"] for entry in planned["left_alone"]}


def test_only_the_broken_ones_are_touched():
    planned = plan(fleet("idle", "loop_stalled", "busy", "not_running", "crash_looping", "wrong_queues"))
    assert names(planned) == [["w2@web1", "w4@web1"]]
    assert [step["action"] for step in planned["batches"][0]] == ["restart", "start"]
    assert set(why(planned)) == {"w1@web1", "w3@web1", "w5@web1", "w6@web1"}
    assert why(planned)["w5@web1"] == "the proof on web1 fails: it was not run"


def test_batch_is_never_larger_than_the_fraction():
    planned = plan(fleet(*["loop_stalled"] * 10))
    assert [len(batch) for batch in planned["batches"]] == [3, 3, 3, 1]
    assert planned["instructions"] == {"max_per_batch": 3, "stop_after_failed_verification": True, "cooldown": 300}


@pytest.mark.parametrize(("nodes", "size"), [(1, 1), (2, 1), (3, 1), (5, 1), (6, 2), (100, 34)])
def test_at_least_one_node(nodes, size):
    assert batch_size(nodes, 0.34) == size


def test_verdicts_to_heal():
    planned = plan(fleet("loop_stalled", "not_running"), {"heal_verdicts": ["down"]})
    assert names(planned) == [["w2@web1"]]
    assert "stuck is not among the verdicts to heal (down)" in why(planned)["w1@web1"]


def test_cooldown():
    sick = fleet("loop_stalled", "pool_dead", "not_consuming")
    planned = plan(sick, last_restarts={"w1@web1": NOW - 299, "w2@web1": NOW - 300}, now=NOW)
    assert names(planned) == [["w2@web1"], ["w3@web1"]]
    assert why(planned)["w1@web1"] == "it was restarted 299 s ago, and the cooldown is 300 s"
    assert "time is not known" in why(plan(sick, last_restarts={"w1@web1": 0}))["w1@web1"]


@pytest.mark.parametrize(
    ("broker", "said"),
    [
        ({"reachable": False, "error": "tcp: refused"}, "does not answer: tcp: refused"),
        ({"refusing": True, "error": "OOM"}, "refuses: OOM"),
        ({"reachable": None}, "nobody knows"),
    ],
)
def test_plan_is_empty_while_the_broker_is_unhealthy(broker, said):
    planned = plan(fleet("loop_stalled", "not_running", broker=dict(WELL, **broker)))
    assert planned["batches"] == []
    assert all(said in words for words in [planned["hold"], *why(planned).values()])


def test_full_disk_holds_the_restart():
    full = {"reason": "disk_full", "subject": "web1", "cause": "/var/log on web1 has 1 % of its space free."}
    planned = plan(fleet("hung_in_startup", findings=[full]))
    assert planned["batches"] == []
    assert "/var/log on web1" in why(planned)["w1@web1"]


# -- Workers that could not be started


@pytest.mark.parametrize("reason", ["crash_looping", "start_failed"])
def test_worker_is_started_once_its_proof_passes(reason):
    down = fleet(reason, "not_running", "loop_stalled", "idle")
    assert to_prove(down) == [{"node": "w1@web1", "host": "web1", "instance": "w1"}]
    planned = plan(down, proofs={"w1@web1": ""})
    # Last, for it may fail again, which ends the run.
    assert names(planned) == [["w3@web1"], ["w2@web1"], ["w1@web1"]]
    assert [step["action"] for batch in planned["batches"] for step in batch] == ["restart", "start", "start"]
    failing = plan(down, proofs={"w1@web1": "result backend: no TCP connection"})
    assert names(failing) == [["w3@web1"], ["w2@web1"]]
    assert why(failing)["w1@web1"] == "the proof on web1 fails: result backend: no TCP connection"
    assert failing["proofs"] == {"w1@web1": "result backend: no TCP connection"}


@pytest.mark.parametrize(
    ("cites", "words"),
    [
        ([{"item": "service.substate", "readings": ["auto-restart"]}], "still starts it again and again by itself"),
        (
            [{"item": "service.state", "readings": ["failed", "activating"]}],
            "still starts it again and again by itself",
        ),
        (
            [
                {"item": "service.state", "readings": ["failed"]},
                {"item": "service.memory_limit_bytes", "readings": [30 << 20]},
            ],
            "a limit of memory of 30 MiB",
        ),
    ],
    ids=["waits for its start", "starts", "killed at its limit"],
)
def test_nobody_is_started_whom_no_proof_helps(cites, words):
    down = fleet("crash_looping")
    down["nodes"][0]["evidence"]["decided_by"] = cites
    assert to_prove(down) == []
    planned = plan(down, proofs={"w1@web1": ""})
    assert names(planned) == []
    assert words in why(planned)["w1@web1"]


def test_brakes_hold_before_a_proof():
    down = fleet("start_failed", "crash_looping")
    assert to_prove(fleet("start_failed", broker=dict(WELL, reachable=False, error="gone"))) == []
    assert to_prove(down, {"heal_verdicts": ["stuck"]}) == []
    assert [one["node"] for one in to_prove(down, None, {"w1@web1": NOW - 10}, NOW)] == ["w2@web1"]
    cooling = plan(down, None, {"w1@web1": NOW - 10}, NOW, {"w1@web1": "", "w2@web1": ""})
    assert names(cooling) == [["w2@web1"]]
    assert "cooldown" in why(cooling)["w1@web1"]


# -- Whatever the verdicts

VERDICTS = st.lists(st.sampled_from(sorted(REASONS)), min_size=1, max_size=40)
BROKERS = st.builds(
    lambda reachable, refusing: dict(WELL, reachable=reachable, refusing=refusing, error="x"),
    st.sampled_from([True, True, False, None]),
    st.sampled_from([False, False, True, None]),
)
RESTARTS = st.dictionaries(st.integers(1, 40).map(lambda number: f"w{number}@web1"), st.integers(NOW - 1000, NOW + 10))
FRACTIONS = st.floats(0.01, 1)


@MANY_EXAMPLES
@given(VERDICTS, BROKERS, RESTARTS, FRACTIONS, st.integers(0, 900))
def test_brakes_hold(reasons, broker, restarts, fraction, cooldown):
    sick = fleet(*reasons, broker=broker)
    before = copy.deepcopy(sick)
    policy = {"heal_max_fraction": fraction, "heal_cooldown": cooldown}
    proofs = {one["node"]: "" for one in to_prove(sick, policy, restarts, NOW)[::2]}
    planned = plan(sick, policy, restarts, NOW, proofs)
    assert sick == before
    assert plan(sick, policy, restarts, NOW, proofs) == planned
    assert plan(dict(sick, nodes=sick["nodes"][::-1]), policy, restarts, NOW, proofs) == planned
    touched = [step["node"] for batch in planned["batches"] for step in batch]
    by_node = {entry["node"]: entry for entry in sick["nodes"]}
    assert sorted(touched + [entry["node"] for entry in planned["left_alone"]]) == sorted(by_node)
    assert all(entry["why"] for entry in planned["left_alone"])
    assert all(len(batch) == 1 or len(batch) <= fraction * len(reasons) for batch in planned["batches"])
    for node in touched:
        assert by_node[node]["verdict"] in ("stuck", "down")
        assert by_node[node]["action"] != "none"
        assert by_node[node]["action"] != "start_if_proven" or node in proofs
        assert NOW - restarts.get(node, NOW - cooldown) >= cooldown
        assert broker["reachable"] is True
        assert not broker["refusing"]


@MANY_EXAMPLES
@given(st.sampled_from([scene for scene, _reason in SCENES]))
def test_verdicts_can_be_planned(scene):
    verdicts = scene().judge()
    planned = plan(verdicts)
    for batch in planned["batches"]:
        for step in batch:
            assert step["verdict"] in ("stuck", "down")


@pytest.mark.parametrize(
    "scene", [scene for scene, reason in SCENES if REASONS[reason][1] == "none"], ids=lambda scene: scene.__name__
)
def test_who_needs_no_action_is_not_touched(scene):
    touched = {step["node"] for batch in plan(scene().judge())["batches"] for step in batch}
    assert "w1@web1" not in touched
