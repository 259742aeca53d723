# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that a restart would not help."""

from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.recorded import is_judged
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.rules.misconfigured_fleets import (
    FLEETS,
)
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.scenes import is_found

# Of a real incident, with its heartbeats or without: the rule that decides, the reason, and what is cited.
RECORDED = [
    ("fault_cancelled_consumer", True, "wrong_queues", "wrong_queues", ["control active_queues"]),
    (
        "fault_control_off",
        True,
        "control_unreachable",
        "control_unreachable",
        ["control answered", "host heartbeat.completed_total"],
    ),
    ("fault_missing_tasks", True, "missing_tasks", "missing_tasks", ["control registered"]),
    (
        "fault_pool_respawning",
        True,
        "pool_respawning",
        "pool_respawning",
        ["control stats.pool.processes", "host heartbeat.received_total", "host log.lines"],
    ),
    (
        "fault_pool_respawning",
        False,
        "pool_respawning",
        "pool_respawning",
        ["control stats.pool.processes", "control stats.total", "host log.lines"],
    ),
    (
        "fault_prefetch_full",
        True,
        "prefetch_full",
        "prefetch_full",
        ["control scheduled", "broker queues.child.ready", "host heartbeat.received_total"],
    ),
    (
        "fault_prefetch_full",
        False,
        "prefetch_full",
        "prefetch_full",
        ["control scheduled", "broker queues.child.ready", "control stats.total"],
    ),
    ("fault_task_overrun", True, "task_overrun", "task_overrun", ["host active.age"]),
    ("fault_task_overrun", False, "task_overrun", "task_overrun", ["control active.age"]),
]


@pytest.mark.parametrize(("name", "sentinel", "rule", "reason", "cited"), RECORDED)
def test_recorded_misconfigured(name, sentinel, rule, reason, cited):
    is_judged(name, sentinel, f"misconfigured.{rule}", reason, cited)


@pytest.mark.parametrize(("scene", "reason"), FLEETS, ids=[scene.__name__ for scene, _reason in FLEETS])
def test_built_misconfigured(scene, reason):
    is_found(scene().verdict(), reason)
