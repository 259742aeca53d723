# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of judging whatever the evidence."""

from __future__ import annotations

import copy

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import REASONS
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.verdict import judge
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.rules.healthy_fleets import (
    rate_limited,
    rate_limited_and_blind,
)
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import T0, ExampleFleet, task
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.patience import MANY_EXAMPLES
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.scenes import SCENES
from hypothesis import given
from hypothesis import strategies as st

BUILT = st.sampled_from([scene for scene, _reason in SCENES])


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
        told = tuple(
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
        fleet.beat_says(node=node, active=told, active_count=2, last_received=T0)
    return fleet


def places(value, path=()):
    """The paths to all leaves and branches of a structure."""
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for number in range(len(value)):
            yield from places(value[number], (*path, number))


def lose(evidence, path):
    """Evidence without what is at the path: None, as folding writes what could not be had."""
    told = copy.deepcopy(evidence)
    place = told
    for key in path[:-1]:
        place = place[key]
    if isinstance(place, list):
        del place[path[-1]]
    else:
        place[path[-1]] = None
    return told


# What may be lost: a part of a look, a look, a kind of evidence. The frame itself is always there.
REPLY = ("total", "active", "reserved", "scheduled", "queues", "registered", "rate_limits", "children", "pid", "pool")
LOOK = ("service", "main", "children", "others", "ended", "seconds", "memory", "sockets", "log", "heartbeat", "clock")


def losses(evidence, node):
    told = [("nodes", node, "control"), ("nodes", node, "host_samples"), ("nodes", node, "clients")]
    for number in range(2):
        told.append(("nodes", node, "control", number))
        told.append(("nodes", node, "host_samples", number))
        told.append(("nodes", node, "clients", number))
        told.append(("broker", "samples", number))
        told += [("nodes", node, "control", number, key) for key in REPLY]
        told += [("nodes", node, "host_samples", number, key) for key in LOOK]
        beat = evidence["nodes"][node]["host_samples"][number]["heartbeat"]
        told += [("nodes", node, "host_samples", number, "heartbeat", key) for key in beat or () if key != "written_at"]
        for queue in evidence["queues"]:
            told.append(("queues", queue, number))
            told += [("queues", queue, number, key) for key in ("ready", "unacked")]
    return told


def without(evidence, path):
    told = lose(evidence, path)
    node = evidence["nodes"][path[1]] if path[0] == "nodes" else None
    if node and path[2:] in (("control",), ("host_samples",), ("clients",)):
        told["nodes"][path[1]][path[2]] = []
    return told


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
    for told in judge(fleet.expected, without(evidence, path))["nodes"]:
        assert told["verdict"] not in ("stuck", "down"), (path, told["cause"])


@MANY_EXAMPLES
@given(st.data(), st.sampled_from([rate_limited, rate_limited_and_blind]))
def test_a_worker_full_of_rate_limited_tasks_is_never_stuck_whatever_is_lost(data, scene):
    fleet = scene()
    evidence = fleet.evidence()
    path = data.draw(st.sampled_from(losses(evidence, "w1@web1")))
    for told in judge(fleet.expected, without(evidence, path))["nodes"]:
        assert told["node"] != "w1@web1" or told["verdict"] not in ("stuck", "down"), (path, told["cause"])


@MANY_EXAMPLES
@given(st.data(), st.booleans(), st.booleans())
def test_a_busy_worker_that_does_not_answer_is_never_stuck(data, sentinel, mute):
    fleet = busy_fleet(sentinel, "prefork", "redis")
    fleet = fleet.deaf() if mute else fleet.silent()
    evidence = fleet.evidence()
    path = data.draw(st.sampled_from(losses(evidence, "w1@web1")))
    for told in judge(fleet.expected, without(evidence, path))["nodes"]:
        assert told["verdict"] not in ("stuck", "down"), (path, told["cause"])


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
    for told in fleet.judge()["nodes"]:
        assert told["verdict"] != "stuck" or not asked, told["cause"]


@MANY_EXAMPLES
@given(st.data(), BUILT)
def test_stuck_cites_two_samples_and_the_world_outside(data, scene):
    fleet = scene()
    evidence = fleet.evidence()
    if evidence["nodes"]["w1@web1"]["host_samples"][1:] and evidence["nodes"]["w1@web1"]["control"][1:]:
        path = data.draw(st.sampled_from([None, *losses(evidence, "w1@web1")]))
        if path and not (path[0] in ("broker", "queues") and not evidence["queues"]):
            evidence = without(evidence, path)
    for told in judge(fleet.expected, evidence)["nodes"]:
        assert told["verdict"] == REASONS[told["reason"]][0]
        if told["verdict"] == "stuck":
            outside = [one for one in told["evidence"]["decided_by"] if one["source"] in ("host", "broker")]
            assert max(one["samples"] for one in outside) >= 2


@MANY_EXAMPLES
@given(BUILT)
def test_judging_changes_nothing_and_says_the_same_twice(scene):
    fleet = scene()
    evidence = fleet.evidence()
    before = copy.deepcopy((fleet.expected, evidence))
    first = judge(fleet.expected, evidence)
    assert (fleet.expected, evidence) == before
    assert judge(fleet.expected, evidence) == first
