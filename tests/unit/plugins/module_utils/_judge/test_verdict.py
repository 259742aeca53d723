# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds of judging as a whole. What single rules find is in rules/, what real incidents left in recordings/."""

from __future__ import annotations

import json
import pathlib

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import REASONS
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.verdict import judge
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.recorded import OF_WORKERS, Recording
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.rules.hidden_fleets import pong_alone
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.rules.stuck_fleets import loop_blocked
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import ExampleFleet
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.scenes import SCENES, outcome

STUCK = [(scene, reason) for scene, reason in SCENES if REASONS[reason][0] == "stuck"]
RECORDED_AS_STUCK = [name for name in OF_WORKERS if Recording(name).expected["verdict"] == "stuck"]


def test_every_reason_is_reached():
    recorded = {Recording(name).expected["reason"] for name in OF_WORKERS}
    assert {reason for _scene, reason in SCENES} | recorded == set(REASONS)


def test_a_fault_of_one_node_is_not_put_on_its_neighbours():
    alone = {"hung_in_startup", "loop_stalled", "connection_lost", "pool_dead", "crash_looping", "duplicate_name"}
    for fault, reason in SCENES:
        if reason in alone and fault().transport == "redis":
            others = {verdict["reason"] for node, verdict in fault().verdicts().items() if node != "w1@web1"}
            assert others <= {"idle", "busy", "not_consuming"}, fault.__name__


@pytest.mark.parametrize(("fault", "reason"), STUCK)
def test_stuck_needs_a_second_sample(fault, reason):
    fleet = fault()
    fleet.control, fleet.broker = fleet.control[:1], fleet.broker[:1]
    for host in fleet.hosts:
        fleet.hosts[host] = fleet.hosts[host][:1]
        for look in fleet.hosts[host][0]["result"]["instances"].values():
            look["sample_seconds"] = 0
    assert fleet.verdict()["verdict"] != "stuck"


@pytest.mark.parametrize(("fault", "reason"), STUCK)
def test_nobody_is_stuck_without_a_broker(fault, reason):
    for break_broker in (ExampleFleet.broker_down, ExampleFleet.broker_refuses):
        verdicts = break_broker(fault()).verdicts()
        assert "stuck" not in {verdict["verdict"] for verdict in verdicts.values()}


@pytest.mark.parametrize("name", RECORDED_AS_STUCK)
def test_recorded_stuck_needs_a_second_sample(name):
    assert Recording(name).first_sample().verdict()["verdict"] != "stuck"


@pytest.mark.parametrize("name", RECORDED_AS_STUCK)
@pytest.mark.parametrize("broker", [{"reachable": False, "layer": "tcp", "error": "refused"}, {"error": "OOM"}])
def test_recorded_stuck_is_not_stuck_without_a_broker(name, broker):
    assert Recording(name).broker_says(**broker).verdict()["verdict"] != "stuck"


def test_recorded_node_that_nobody_declared():
    verdict = Recording("fault_unexpected_node").verdict()
    assert outcome(verdict) == ("misconfigured", "unexpected_node")
    assert verdict["cause"] == "It is not declared, and runs and consumes default."


def test_a_node_that_nobody_declared():
    fleet = ExampleFleet()
    fleet.expected["nodes"] = [node for node in fleet.expected["nodes"] if node["node"] != "w1@web1"]
    verdict = fleet.verdict()
    assert outcome(verdict) == ("misconfigured", "unexpected_node")
    assert (verdict["host"], verdict["evidence"]["seen"]["queues"]) == ("web1", ["default"])
    assert "default" in verdict["cause"]


def test_a_node_declared_as_stopped():
    fleet = ExampleFleet().gone()
    fleet.declared()["state"] = "stopped"
    assert "w1@web1" not in fleet.verdicts()
    fleet = ExampleFleet()
    fleet.declared()["state"] = "stopped"
    assert outcome(fleet.verdict()) == ("misconfigured", "unexpected_node")


def test_missing_evidence_is_named():
    verdict = ExampleFleet(sentinel=False).host_lost().verdict()
    assert "no route to host" in verdict["evidence"]["missing"]["host"]
    verdict = pong_alone().verdict()
    assert set(verdict["evidence"]["missing"]) >= {"host", "clients", "queues"}


def test_since_is_a_time():
    verdict = loop_blocked().verdict()
    assert verdict["since"] == "2026-09-21T14:12:40Z"


def test_the_broker_is_told():
    assert ExampleFleet().judge()["broker"] == {"kind": "redis", "reachable": True, "refusing": False, "error": ""}
    broker = ExampleFleet().broker_down().judge()["broker"]
    assert (broker["reachable"], broker["error"]) == (False, "tcp: connection refused")
    assert ExampleFleet().broker_refuses().judge()["broker"]["refusing"] is True


def test_the_policy_names_what_it_does_not_know():
    with pytest.raises(ValueError, match="the policy has no stall"):
        ExampleFleet().judge(stall=3)


# -- Recorded on a real fleet: two workers of Celery 5.7.0 on Redis 7.0.15, prefork, with the sentinel, no service manager

RECORDED = {
    "idle": ("idle", "idle"),
    "busy": ("busy", "busy"),
    "child": ("pool_dead", "idle"),
    "cancel": ("wrong_queues", "idle"),
    "stopped_and_killed": ("loop_stalled", "not_running"),
    "oom": ("broker_refusing", "broker_refusing"),
    "paused": ("broker_unreachable", "broker_unreachable"),
}
RECORDINGS = pathlib.Path(__file__).parents[1] / "fixtures/evidence"


def test_every_recording_is_judged():
    assert {path.stem for path in RECORDINGS.glob("*.json")} == set(RECORDED)


@pytest.mark.parametrize("sentinel", [True, False])
@pytest.mark.parametrize("name", RECORDED)
def test_recorded(name, sentinel):
    incident = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    if not sentinel:
        for node in incident["evidence"]["nodes"].values():
            for look in node["host_samples"]:
                look["heartbeat"] = None
    verdicts = judge(incident["expected"], incident["evidence"], {"start_grace": 10})["nodes"]
    assert tuple(verdict["reason"] for verdict in verdicts) == RECORDED[name]
