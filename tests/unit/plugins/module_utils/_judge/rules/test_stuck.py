# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that are up and do not work, and what only looks like it."""

from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.recorded import is_judged
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.rules.stuck_fleets import FLEETS
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import ExampleFleet
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.scenes import is_found, outcome

# Of a real incident, with its heartbeats or without: the rule that decides, the reason, and what is cited.
RECORDED = [
    ("fault_blind_stopped", True, "loop_stopped", "loop_stalled", ["host main.state"]),
    ("fault_child_locked", True, "pool_dead", "pool_dead", ["host child.PID.wchan"]),
    ("fault_child_locked", False, "pool_dead", "pool_dead", ["host child.PID.wchan"]),
    ("fault_forgotten_poll", True, "sentinel_says", "not_consuming", ["host heartbeat.problem"]),
    (
        "fault_forgotten_poll",
        False,
        "not_consuming",
        "not_consuming",
        ["broker queues.poll.ready", "control stats.total", "control active + reserved"],
    ),
    ("fault_half_open", True, "sentinel_says", "connection_lost", ["host heartbeat.problem"]),
    (
        "fault_half_open",
        False,
        "connection_lost",
        "connection_lost",
        ["broker clients.waiting", "host sockets.established", "control active + reserved"],
    ),
    ("fault_pool_unfed", True, "sentinel_says", "pool_dead", ["host heartbeat.problem"]),
    (
        "fault_pool_unfed",
        False,
        "pool_dead",
        "pool_dead",
        ["control reserved", "control stats.total", "host children.switches"],
    ),
    ("fault_solo_overrun", True, "sentinel_says", "loop_stalled", ["host heartbeat.problem"]),
    ("fault_stopped_child", True, "pool_dead", "pool_dead", ["host child.PID.state", "control reserved"]),
    ("fault_stopped_child", False, "pool_dead", "pool_dead", ["host child.PID.state", "control reserved"]),
    ("fault_stopped_main", True, "loop_stopped", "loop_stalled", ["host main.state"]),
    ("fault_stopped_main", False, "loop_stopped", "loop_stalled", ["host main.state"]),
]


@pytest.mark.parametrize(("name", "sentinel", "rule", "reason", "cited"), RECORDED)
def test_recorded_stuck(name, sentinel, rule, reason, cited):
    is_judged(name, sentinel, f"stuck.{rule}", reason, cited)


@pytest.mark.parametrize(("scene", "reason"), FLEETS, ids=[scene.__name__ for scene, _reason in FLEETS])
def test_built_stuck(scene, reason):
    is_found(scene().verdict(), reason)


def test_a_rate_limit_does_not_excuse_who_holds_nothing():
    limits = [{"shop.add": "1/h"}] * 2
    blind = ExampleFleet(sentinel=False).work_waits().set_reply("rate_limits", limits)
    watched = ExampleFleet().work_waits().set_reply("rate_limits", limits).beat_says(problem="not_consuming")
    assert outcome(blind.verdict()) == outcome(watched.verdict()) == ("stuck", "not_consuming")
