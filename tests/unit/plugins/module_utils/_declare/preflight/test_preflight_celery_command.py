# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.celery_command import (
    INSTEAD,
    WHY_NOT,
    command_problems,
)


def only(environment):
    (problem,) = command_problems("env", environment)
    assert problem.level == "refuse"
    return problem


@pytest.mark.parametrize("name", [*INSTEAD, *WHY_NOT])
def test_each_name_has_a_remedy(name):
    problem = only({name: "x"})
    assert problem.variable == f"env.{name}"
    assert f"take {name} out of env" in problem.remedy


@pytest.mark.parametrize(
    "name",
    [
        "CELERY_WORKER_SEND_TASK_EVENTS",
        "CELERY_CONFIG_MODULE",
        "CELERY_LOADER",
        "CELERY_BEAT_DBURI",
        "WORKER_CONCURRENCY",
    ],
)
def test_names_that_only_applications_read(name):
    assert command_problems("env", {name: "x"}) == []


@pytest.mark.parametrize("name", ["NO_COLOR", "SKIP_CHECKS", "CELERY_QUIET"])
def test_switches_are_true_or_false(name):
    assert [command_problems("env", {name: value}) for value in ("1", 1, True, "yes", "false", "")] == [[]] * 6
    assert "true or false" in only({name: "please"}).expected


@pytest.mark.parametrize("value", ["SIGQUIT", "SIGINT"])
def test_stop_that_would_cancel_tasks(value):
    problem = only({"REMAP_SIGTERM": value})
    assert "celery_app_timeouts" in problem.remedy
    assert problem.reference


def test_signals_as_they_are():
    assert command_problems("env", {"REMAP_SIGTERM": ""}) == []


@pytest.mark.parametrize("environment", [None, [], "A=1", {}])
def test_no_environment(environment):
    assert command_problems("env", environment) == []
