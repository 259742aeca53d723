# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.template import Templar
from ansible_collections.taskfleet.celery.plugins.action import celery_service

SERVICE = {
    "name": "shop-beat",
    "environment_name": "beat.env",
    "state": "started",
    "start_timeout": 120,
    "start_wait": 90,
    "heartbeat": "/run/shop/beat.heartbeat.json",
    "stop_timeout": 30,
    "created_log": None,
    "environment": {"A": "b"},
}


def run(**changes):
    """Run the action, and return what its module was given."""
    loader = DataLoader()
    task = Task()
    task.action = "taskfleet.celery.celery_service"
    task.args = {
        "app": "shop",
        "unit_template": "unit.j2",
        "services": [{**SERVICE, **changes}],
        "files": [{"path": "/x", "content": "y"}],
        "file_templates": [{"src": "unit.j2", "dest": "/z", "mode": "0755"}] if not changes else [],
    }
    action = celery_service.ActionModule(task, MagicMock(), MagicMock(), loader, Templar(loader=loader), None)
    # Templates are rendered in the scenarios: the lookup is not found without Ansible's own start.
    action._render = lambda template, _variables, **more: f"{template} of {sorted(more)}"
    given = {}
    action._execute_module = lambda module_args, task_vars: given.update(module_args) or {"changed": False}
    action.run(task_vars={})
    return given


def test_module_gets_texts():
    given = run()
    (service,) = given["services"]
    assert service["unit"] == "unit.j2 of ['service']"
    assert set(service) == {
        "name", "environment_name", "state", "start_wait", "stop_timeout", "heartbeat", "log_file", "unit",
    }  # fmt: skip
    assert given["environments"] == {"shop-beat": 'A="b"\n'}
    assert given["files"][0] == {"path": "/x", "content": "y"}
    assert given["files"][1] == {"path": "/z", "content": "unit.j2 of []", "mode": "0755"}
    assert {"unit_template", "file_templates"}.isdisjoint(given)


def test_value_that_cannot_be_written_is_named():
    with pytest.raises(AnsibleActionFail, match=r"shop-beat: .*KEY"):
        run(environment={"KEY": "two\nlines"})
