# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.removal import FACTS, check_removal


def worker(name, service="shop-worker@{0}.service", **more):
    process = {"kind": "worker", "role": "main", "node": f"{name}@web1", "service": service.format(name)}
    return {**process, **more}


def judge(declared, processes, **facts):
    declared = [f"{name}@web1" for name in declared]
    defaults = {name: fact.get("default") for name, fact in FACTS.items()}
    return check_removal({**defaults, "app": "shop", "declared": declared, "processes": processes, **facts})


FOUR = [worker(name) for name in ("a", "b", "c", "d")]


@pytest.mark.parametrize("declared", [["a", "b", "c", "d"], ["a", "b"], ["a", "b", "new"]])
def test_half_of_the_workers_may_go(declared):
    assert judge(declared, FOUR) == []


@pytest.mark.parametrize("declared", [["a"], ["new"], []])
def test_more_than_half_may_not_go(declared):
    (problem,) = judge(declared, FOUR)
    assert problem.level == "refuse"
    assert "would be removed" in problem.actual
    assert "celery_worker_allow_removal: true" in problem.remedy
    assert judge(declared, FOUR, is_allowed=True) == []


def test_empty_list_is_refused_on_a_new_host_too():
    (problem,) = judge([], [])
    assert problem.actual == "an empty list, on a host of the group celery_workers"
    assert judge([], [], is_allowed=True) == []
    assert judge(["a"], []) == []


@pytest.mark.parametrize(
    "process",
    [
        worker("b", service=""),
        worker("b", service="other-worker@{0}.service"),
        worker("b", role="child"),
        worker("b", kind="beat"),
    ],
    ids=["by hand", "other application", "child", "beat"],
)
def test_what_a_deployment_would_not_remove_does_not_count(process):
    assert judge(["a"], [worker("a"), process, dict(process, node="c@web1")]) == []


def test_workers_under_supervisor_count():
    assert judge(["new"], [worker("a", service="shop-worker-{0}")]) != []
