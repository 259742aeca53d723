# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that work, and those that only wait."""

from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.recorded import is_judged
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.rules.healthy_fleets import (
    FLEETS,
    normal_schedule,
    rate_limited,
    rate_limited_and_blind,
)
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import T0, ExampleFleet, task
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.scenes import is_found, outcome

# Of a real incident, with its heartbeats or without: the rule that decides, the reason, and what is cited.
RECORDED = [
    ("alarm_nothing_to_do", True, "idle", "idle", ["broker queues.ready", "control answered"]),
    ("alarm_rate_limit", True, "busy", "busy", ["host heartbeat.limited"]),
    ("alarm_recycled_children", True, "busy", "busy", ["host heartbeat.completed_total"]),
    ("alarm_recycled_children", False, "busy", "busy", ["control stats.total"]),
    ("alarm_saturated", True, "saturated", "saturated", ["control active", "broker queues.blind.ready"]),
    ("alarm_scheduled", True, "busy", "busy", ["host heartbeat.completed_total"]),
    ("alarm_scheduled", False, "busy", "busy", ["control stats.total"]),
    ("alarm_solo_busy", True, "busy_in_loop", "saturated", ["host active", "broker queues.solo.ready"]),
    ("fault_bad_deploy", True, "idle", "idle", ["broker queues.ready", "control answered"]),
    ("fault_solo_overrun", False, "busy_in_loop", "busy", ["broker queues.solo.unacked"]),
]


@pytest.mark.parametrize(("name", "sentinel", "rule", "reason", "cited"), RECORDED)
def test_recorded_healthy(name, sentinel, rule, reason, cited):
    is_judged(name, sentinel, f"healthy.{rule}", reason, cited)


@pytest.mark.parametrize(("scene", "reason"), FLEETS, ids=[scene.__name__ for scene, _reason in FLEETS])
def test_built_healthy(scene, reason):
    is_found(scene().verdict(), reason)


@pytest.mark.parametrize("sentinel", [True, False])
def test_busy(sentinel):
    running = [[task(started=T0 - 10, pid=1001)]] * 2
    verdict = ExampleFleet(sentinel=sentinel).set_reply("active", running).total(100, 101).verdict()
    assert (outcome(verdict), verdict["activity"]) == (("healthy", "busy"), "busy")


def test_saturated():
    running = [[task(number=1, started=T0 - 10, pid=1001), task(number=2, started=T0 - 9, pid=1002)]] * 2
    verdict = ExampleFleet(sentinel=False).set_reply("active", running).work_waits().verdict()
    assert outcome(verdict) == ("healthy", "saturated")
    assert "2 slots" in verdict["cause"]


def test_an_idle_node_is_healthy_and_unproven():
    verdict = ExampleFleet(sentinel=False).verdict()
    assert (outcome(verdict), verdict["activity"]) == (("healthy", "idle"), "idle_unproven")
    assert ExampleFleet().verdict()["activity"] == "idle"


def test_rate_limited_and_scheduled_are_activities():
    assert rate_limited().verdict()["activity"] == "rate_limited"
    assert rate_limited_and_blind().verdict()["activity"] == "rate_limited"
    assert normal_schedule().verdict()["activity"] == "scheduled"


def test_rate_limit_of_an_application_with_a_namespace():
    fleet = ExampleFleet(sentinel=False).queue_says(unacked=8)
    fleet.set_reply("conf", [{"CELERY_TASK_DEFAULT_RATE_LIMIT": "1/h"}] * 2)
    assert fleet.verdict()["activity"] == "rate_limited"


def test_tasks_that_others_account_for_do_not_wait_for_a_limit():
    fleet = ExampleFleet(sentinel=False).queue_says(unacked=1).set_reply("rate_limits", [{"shop.add": "1/h"}] * 2)
    fleet.set_reply("active", [[task(number=1, started=T0 - 10, pid=2001)]] * 2, node="w2@web1")
    assert fleet.verdict()["activity"] != "rate_limited"


def test_silent_node_whose_only_heartbeat_is_old_is_not_called_idle():
    fleet = ExampleFleet().deaf()
    first, second = (look["heartbeat"] for look in fleet.looks())
    second.update(first)
    assert outcome(fleet.verdict())[0] == "unknown"


def test_silent_node_whose_sentinel_goes_on_does_not_answer():
    assert outcome(ExampleFleet().deaf().verdict()) == ("misconfigured", "control_unreachable")
