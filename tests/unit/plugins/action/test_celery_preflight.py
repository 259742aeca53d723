# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from unittest.mock import MagicMock

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.template import Templar
from ansible_collections.taskfleet.celery.plugins.action import celery_preflight
from ansible_collections.taskfleet.celery.plugins.modules import celery_preflight as documented

SPEC = """
argument_specs:
  main:
    options:
      celery_worker_instances: {type: list}
      celery_worker_sentinel: {type: bool}
  other:
    options:
      celery_worker_extra: {type: str}
"""


def run(arguments, task_vars=None, check_mode=False):
    loader = DataLoader()
    task = Task()
    task.action = "taskfleet.celery.celery_preflight"
    task.args = arguments
    task.check_mode = check_mode
    action = celery_preflight.ActionModule(
        task=task,
        connection=MagicMock(),
        play_context=MagicMock(check_mode=check_mode),
        loader=loader,
        templar=Templar(loader=loader),
        shared_loader_obj=None,
    )
    return action.run(task_vars=task_vars or {})


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "argument_specs.yml"
    path.write_text(SPEC)
    return {"prefix": "celery_worker", "spec": str(path)}


def test_nothing_to_judge():
    assert run({}) == {"changed": False, "problems": [], "warnings": []}


def test_good_facts():
    result = run({"checks": {"timeouts": {"value": "default"}}})
    assert not result.get("failed")
    assert result["problems"] == []


@pytest.mark.parametrize("check_mode", [False, True])
def test_all_refusals_come_in_one_message(check_mode):
    checks = {"timeouts": {"value": "quick"}, "broker": {"kind": "redis"}, "flower": {}}
    result = run({"checks": checks}, check_mode=check_mode)
    assert result["failed"]
    assert result["changed"] is False
    assert result["msg"].startswith("Preflight found 3 problems.")
    for variable in ("celery_app_timeouts", "celery_broker_password", "celery_flower_basic_auth"):
        assert variable in result["msg"]
    assert [problem["level"] for problem in result["problems"]] == ["refuse"] * 3


def test_warning_does_not_fail():
    instances = [{"name": "w1", "queues": ["a"], "pool": "threads"}]
    result = run({"checks": {"instances": {"instances": instances, "inventory_hostname": "web1"}}})
    assert not result.get("failed")
    assert "w1 (threads) runs tasks without all of the time limits" in result["warnings"][0]
    assert result["problems"][0]["level"] == "warn"


def test_warning_is_not_part_of_the_refusals():
    instances = [{"name": "w1", "queues": [], "pool": "threads"}]
    result = run({"checks": {"instances": {"instances": instances, "inventory_hostname": "web1"}}})
    assert result["failed"]
    assert "time limits" not in result["msg"]
    assert len(result["problems"]) == 2


@pytest.mark.parametrize(
    ("checks", "names"),
    [
        ({"nosuch": {}}, "checks.nosuch"),
        ({"timeouts": {"value": "default", "nosuch": 1}}, "checks.timeouts.nosuch"),
        ({"timeouts": {}}, "value"),
    ],
)
def test_unknown_and_missing_facts_are_errors(checks, names):
    with pytest.raises(AnsibleActionFail, match=names):
        run({"checks": checks})


def test_refusal_shows_no_password():
    checks = {
        "app": {
            "name": "Shop",
            "module": "",
            "source": {"type": "none"},
            "broker_url": "http://u:hunter2@h",
            "environment": {"CELERY_BROKER_URL": "redis://:hunter2@h"},
        },
        "flower": {"basic_auth": ["hunter2"]},
        "broker": {"kind": "redis", "password": "hunter2 hunter2"},
        "beat": {"app": "shop", "hosts": [], "scheduler": "redbeat", "broker_url": "amqp://u:hunter2@h"},
    }
    assert "hunter2" not in str(run({"checks": checks}))


def test_variables_that_the_role_gives_are_known(tmp_path):
    for name, text in (("meta/argument_specs.yml", SPEC), ("vars/main.yml", "celery_worker_declared: []\n")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    known = {"prefix": "celery_worker", "spec": str(tmp_path / "meta/argument_specs.yml")}
    result = run({"known": known}, {"celery_worker_declared": [], "celery_worker_declard": []})
    assert [problem["variable"] for problem in result["problems"]] == ["celery_worker_declard"]


def test_unknown_variables_of_the_role(spec):
    task_vars = {
        "celery_worker_instnces": [],
        "celery_worker_purpose": "hunter2",
        "celery_worker_instances": [],
        "celery_worker_extra": "",
        "celery_workers": "",
        "__celery_worker_x": "",
        "other": "",
    }
    result = run({"known": spec}, task_vars)
    assert not result.get("failed")
    assert [problem["variable"] for problem in result["problems"]] == [
        "celery_worker_instnces",
        "celery_worker_purpose",
    ]
    assert result["problems"][0]["remedy"] == "rename it to celery_worker_instances"
    assert "take it out" in result["problems"][1]["remedy"]
    assert "hunter2" not in str(result)


def test_file_that_is_no_argument_spec(tmp_path):
    path = tmp_path / "argument_specs.yml"
    path.write_text("[]")
    with pytest.raises(AnsibleActionFail, match="has no argument_specs"):
        run({"known": {"prefix": "celery_worker", "spec": str(path)}})


def flat(options, path=()):
    """Return type, default, required, elements and kind of every option, by path."""
    found = {}
    for name, option in options.items():
        found[(*path, name)] = tuple(option.get(key) for key in ("type", "default", "required", "elements"))
        found.update(flat(option.get("suboptions") or option.get("options") or {}, (*path, name)))
    return found


def test_documentation_has_every_fact():
    options = yaml.safe_load(documented.DOCUMENTATION)["options"]
    assert flat(options) == flat(celery_preflight.argument_spec())
