# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.verification import unverified
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import ExampleFleet


@pytest.mark.parametrize(
    ("verdict", "reason", "works"),
    [
        ("healthy", "idle", True),
        ("healthy", "saturated", True),
        ("starting", "starting", False),
        ("starting", "draining", False),
        ("stuck", "hung_in_startup", False),
        ("down", "crash_looping", False),
        ("unknown", "broker_unreachable", False),
        ("misconfigured", "wrong_queues", False),
        ("misconfigured", "missing_tasks", False),
        ("misconfigured", "clock_drift", True),
    ],
)
def test_deployed_worker_works(verdict, reason, works):
    node = {"node": "w1@h", "verdict": verdict, "reason": reason, "cause": "Because.", "remedy": "Do this."}
    sentences = unverified({"nodes": [node, dict(node, node="other@h", verdict="down")]}, [{"node": "w1@h"}])
    assert sentences == ([] if works else [f"w1@h is {verdict}/{reason}: Because. Do this."])


def test_worker_in_maintenance_is_kept_from_work_on_purpose():
    node = {"node": "w1@h", "verdict": "starting", "reason": "draining", "cause": "", "remedy": ""}
    assert unverified({"nodes": [node]}, [{"node": "w1@h", "maintenance": True}]) == []


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads", "gevent"])
@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
@pytest.mark.parametrize("waiting", [0, 5])
def test_worker_without_remote_control_is_proven_by_its_sentinel(kind, pool, waiting):
    fleet = ExampleFleet(count=1, kind=kind, pool=pool, interval=1).silent().queue_says(ready=waiting)
    fleet.declared()["remote_control"] = False
    assert unverified({"nodes": [fleet.verdict(interval=1)]}, fleet.expected["nodes"]) == []
