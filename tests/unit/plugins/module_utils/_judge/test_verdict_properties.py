# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of judging whatever the evidence."""

from __future__ import annotations

import copy

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import REASONS
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.verdict import judge
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.recorded import OF_WORKERS, Recording
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.rules.healthy_fleets import (
    rate_limited,
    rate_limited_and_blind,
)
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.examples import MANY_EXAMPLES
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import T0, ExampleFleet, task
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.scenes import SCENES
from hypothesis import given
from hypothesis import strategies as st

BUILT = st.sampled_from([scene for scene, _reason in SCENES])
BUILT_OR_RECORDED = st.sampled_from([scene for scene, _reason in SCENES] + OF_WORKERS)


def case(scene):
    """Return expected, evidence, policy, and the node that it is about."""
    if isinstance(scene, str):
        recording = Recording(scene)
        return (*recording.case(), recording.nodes[0])
    fleet = scene()
    return fleet.expected, fleet.evidence(), {}, "w1@web1"


def busy_fleet(sentinel, pool, kind):
    """Every worker runs tasks, takes more, and answers, but for the pools that cannot meanwhile."""
    fleet = ExampleFleet(sentinel=sentinel, pool=pool, kind=kind).work_waits()
    for node in fleet.nodes:
        pids = fleet.child_pids(node) if pool == "prefork" else [None, None]
        running = [
            [task(number=10 * look + slot, started=T0 - 5, pid=pids[slot]) for slot in (0, 1)] for look in (0, 1)
        ]
        fleet.set_reply("active", running, node=node).total(100, 108, node=node)
        fleet.main_says(node=node, cpu_seconds=0.1, switches=40)
        for pid in fleet.child_pids(node):
            fleet.process_says(pid, node=node, cpu_seconds=0.5, switches=30)
        tasks = tuple(
            [
                {
                    "id": one["id"],
                    "name": one["name"],
                    "started": one["time_start"],
                    "hard": 240,
                    "pid": one["worker_pid"],
                }
            ]
            for (one, _other) in running
        )
        fleet.beat_says(node=node, active=tasks, active_count=2, last_received=T0)
    return fleet


def lose(evidence, path):
    """Evidence without what is at the path: None, as folding writes what could not be had."""
    less = copy.deepcopy(evidence)
    place = less
    for key in path[:-1]:
        place = place[key]
    if isinstance(place, list):
        del place[path[-1]]
    else:
        place[path[-1]] = None
    return less


# What may be lost: a part of a look, a look, a kind of evidence. The frame itself is always there.
REPLY = ("total", "active", "reserved", "scheduled", "queues", "registered", "rate_limits", "children", "pid", "pool")
LOOK = ("service", "main", "children", "others", "ended", "seconds", "memory", "sockets", "log", "heartbeat", "clock")


def losses(evidence, node):
    kinds = {"control": REPLY, "host_samples": LOOK, "clients": ()}
    paths = [("broker", "samples", number) for number in range(len(evidence["broker"]["samples"]))]
    for kind, keys in kinds.items():
        paths.append(("nodes", node, kind))
        for number in range(len(evidence["nodes"][node][kind])):
            paths += [("nodes", node, kind, number), *(("nodes", node, kind, number, key) for key in keys)]
    for number, look in enumerate(evidence["nodes"][node]["host_samples"]):
        known = set(look["heartbeat"] or ()) - {"written_at"}
        paths += [("nodes", node, "host_samples", number, "heartbeat", key) for key in sorted(known)]
    for queue, samples in evidence["queues"].items():
        for number in range(len(samples)):
            paths += [("queues", queue, number), *(("queues", queue, number, key) for key in ("ready", "unacked"))]
    return paths


def without(evidence, path):
    less = lose(evidence, path)
    node = evidence["nodes"][path[1]] if path[0] == "nodes" else None
    if node and path[2:] in (("control",), ("host_samples",), ("clients",)):
        less["nodes"][path[1]][path[2]] = []
    return less


@MANY_EXAMPLES
@given(
    st.data(),
    st.booleans(),
    st.sampled_from(["prefork", "solo", "threads", "gevent"]),
    st.sampled_from(["redis", "rabbitmq"]),
)
def test_a_busy_worker_is_never_stuck_whatever_is_lost(data, sentinel, pool, kind):
    fleet = busy_fleet(sentinel, pool, kind)
    evidence = fleet.evidence()
    path = data.draw(st.sampled_from(losses(evidence, "w1@web1")))
    for verdict in judge(fleet.expected, without(evidence, path))["nodes"]:
        assert verdict["verdict"] not in ("stuck", "down"), (path, verdict["cause"])


@MANY_EXAMPLES
@given(st.data(), st.sampled_from([rate_limited, rate_limited_and_blind]))
def test_a_worker_full_of_rate_limited_tasks_is_never_stuck_whatever_is_lost(data, scene):
    fleet = scene()
    evidence = fleet.evidence()
    path = data.draw(st.sampled_from(losses(evidence, "w1@web1")))
    for verdict in judge(fleet.expected, without(evidence, path))["nodes"]:
        assert verdict["node"] != "w1@web1" or verdict["verdict"] not in ("stuck", "down"), (path, verdict["cause"])


@MANY_EXAMPLES
@given(st.data(), st.booleans(), st.booleans())
def test_a_busy_worker_that_does_not_answer_is_never_stuck(data, sentinel, mute):
    fleet = busy_fleet(sentinel, "prefork", "redis")
    fleet = fleet.deaf() if mute else fleet.silent()
    evidence = fleet.evidence()
    path = data.draw(st.sampled_from(losses(evidence, "w1@web1")))
    for verdict in judge(fleet.expected, without(evidence, path))["nodes"]:
        assert verdict["verdict"] not in ("stuck", "down"), (path, verdict["cause"])


@MANY_EXAMPLES
@given(BUILT, st.sampled_from(["down", "refuses", "down once"]))
def test_with_the_broker_away_nobody_is_stuck(scene, how):
    fleet = scene()
    if how == "down":
        fleet.broker_down()
    elif how == "refuses":
        fleet.broker_refuses("MISCONF Redis is configured to save RDB snapshots")
    else:
        for sample in (fleet.control + fleet.broker)[:1]:
            sample["result"]["broker"].update(reachable=False, layer="tcp", error="timed out")
    asked = bool(fleet.control or fleet.broker)
    for verdict in fleet.judge()["nodes"]:
        assert verdict["verdict"] != "stuck" or not asked, verdict["cause"]


@MANY_EXAMPLES
@given(st.data(), BUILT_OR_RECORDED)
def test_stuck_cites_two_samples_and_the_world_outside(data, scene):
    expected, evidence, policy, node = case(scene)
    path = data.draw(st.sampled_from([None, *losses(evidence, node)]))
    for verdict in judge(expected, without(evidence, path) if path else evidence, policy)["nodes"]:
        assert verdict["verdict"] == REASONS[verdict["reason"]][0]
        if verdict["verdict"] == "stuck":
            outside = [one for one in verdict["evidence"]["decided_by"] if one["source"] in ("host", "broker")]
            assert max(one["samples"] for one in outside) >= 2


@MANY_EXAMPLES
@given(st.data(), st.sampled_from([name for name in OF_WORKERS if name.startswith("alarm_")]))
def test_recorded_alarm_is_never_stuck_whatever_is_lost(data, name):
    expected, evidence, policy, node = case(name)
    path = data.draw(st.sampled_from(losses(evidence, node)))
    for verdict in judge(expected, without(evidence, path), policy)["nodes"]:
        assert verdict["verdict"] not in ("stuck", "down"), (path, verdict["cause"])


@MANY_EXAMPLES
@given(BUILT_OR_RECORDED)
def test_judging_changes_nothing_and_says_the_same_twice(scene):
    expected, evidence, policy, _node = case(scene)
    before = copy.deepcopy((expected, evidence))
    first = judge(expected, evidence, policy)
    assert (expected, evidence) == before
    assert judge(expected, evidence, policy) == first
