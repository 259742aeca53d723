# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._service.steps import plan_steps


def declared(name="w1", state="started", digest="new"):
    return {"name": name, "state": state, "digest": digest, "environment_name": name + ".env"}


def running(digest="new", active="active", pid=10):
    return {"active": active, "main_pid": pid, "digest": digest, "enabled": True}


@pytest.mark.parametrize(
    ("service", "status", "action"),
    [
        (declared(), running(), None),
        (declared(), running(digest="old"), "restart"),
        (declared(), running(digest=None), "restart"),
        (declared(), None, "start"),
        (declared(), running(active="inactive", pid=0), "start"),
        (declared(), running(active="failed", pid=0), "start"),
        (declared(), running(active="activating", pid=0, digest=None), "start"),
        (declared(state="stopped"), running(), "stop"),
        (declared(state="stopped"), running(active="inactive", pid=0), None),
        (declared(state="stopped"), None, None),
    ],
)
def test_step(service, status, action):
    steps = plan_steps([service], {"w1": status} if status else {}, [])
    assert [step["action"] for step in steps] == ([action] if action else [])


def test_order_and_names():
    steps = plan_steps(
        [declared("a"), declared("b"), declared("c", state="stopped"), declared("d")],
        {"b": running(digest="old"), "c": running(), "d": running()},
        [{"name": "z", "manager": "systemd", "environment_name": "z.env"}],
    )
    assert [(step["action"], step["name"]) for step in steps] == [
        ("remove", "z"),
        ("stop", "c"),
        ("restart", "b"),
        ("start", "a"),
    ]
    assert steps[0]["manager"] == "systemd"
    assert all(step["reason"] for step in steps)


def test_one_changed_instance_leaves_the_others_alone():
    services = [declared(f"w{number}") for number in range(10)]
    status = {service["name"]: running() for service in services}
    status["w4"] = running(digest="old")
    assert [(step["action"], step["name"]) for step in plan_steps(services, status, [])] == [("restart", "w4")]


def test_services_of_another_manager_are_moved_one_by_one_after_all_others():
    elsewhere = [{"name": f"app@{name}", "manager": "systemd", "environment_name": name + ".env"} for name in "abz"]
    steps = plan_steps([declared("a"), declared("b"), declared("new")], {}, elsewhere)
    assert [(step["action"], step["name"]) for step in steps] == [
        ("remove", "app@z"),
        ("start", "new"),
        ("remove", "app@a"),
        ("start", "a"),
        ("remove", "app@b"),
        ("start", "b"),
    ]
    assert {step.get("manager") for step in steps if step["action"] == "remove"} == {"systemd"}


@pytest.mark.parametrize(
    ("service", "status", "action"),
    [
        (declared(state="stopped"), None, None),
        # An earlier run was broken off between the two.
        (declared(), running(), None),
        (declared(), running(digest="old"), "restart"),
    ],
)
def test_what_a_move_does_here_follows_from_what_runs_here(service, status, action):
    elsewhere = {"name": "app@w1", "manager": "systemd", "environment_name": "w1.env"}
    steps = plan_steps([service], {"w1": status} if status else {}, [elsewhere])
    assert [step["action"] for step in steps] == ["remove"] + ([action] if action else [])
