# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._act.scale import (
    scale_problems,
    scale_report,
    scale_steps,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import instances

DECLARED = instances(
    [
        {"name": "a", "concurrency": 4},
        {"name": "b", "autoscale": {"max": 8, "min": 2}},
        {"name": "c", "pool": "solo", "concurrency": 1},
        {"name": "d"},
        {"name": "e", "concurrency": 4, "state": "stopped"},
    ],
    "h",
)


def test_declared_sizes():
    assert [(step["node"], step["command"], step["size"]) for step in scale_steps(DECLARED)] == [
        ("a@h", "pool_grow", {"concurrency": 4}),
        ("a@h", "pool_shrink", {"concurrency": 4}),
        ("b@h", "autoscale", {"maximum": 8, "minimum": 2}),
    ]


def test_sizes_that_are_asked_for():
    steps = scale_steps(DECLARED, {"c": {"concurrency": 2}, "e": {"concurrency": 2}, "x": {"concurrency": 2}})
    assert [(step["node"], step["command"]) for step in steps] == [("c@h", "pool_grow"), ("c@h", "pool_shrink")]


def result(node, status, **more):
    return {"item": {"node": node}, "nodes": {node: {"status": status, "message": "m"}}, **more}


def test_report_has_the_command_that_changed_something():
    report = scale_report(
        [
            result("a@h", "unchanged", before={"a@h": 4}, after={"a@h": 4}),
            result("a@h", "changed", before={"a@h": 4}, after={"a@h": 2}),
            {"item": {"node": "b@h"}, "msg": "no answer"},
        ]
    )
    assert (report["a@h"]["status"], report["a@h"]["before"], report["a@h"]["after"]) == ("changed", 4, 2)
    assert scale_problems(report) == ["b@h: unknown, no answer"]
