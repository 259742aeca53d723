# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that hold secrets among other values, in whatever a module shows of them."""

from __future__ import annotations

import functools
import json
import sys

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.taskfleet.celery.plugins.modules import celery_task_run


@pytest.fixture
def call(run_module):
    return functools.partial(
        run_module,
        celery_task_run,
        celery_python=sys.executable,
        app="no_such_application",
        task="shop.add",
        environment={"DB_PASSWORD": "hunter2222"},
        kwargs={"token": "hunter3333"},
    )


@pytest.mark.parametrize("options", [{}, {"timeout": "soon"}, {"environment_file": "/nowhere/celery.env"}])
def test_invocation_does_not_show_them(call, options):
    result = call(**options)
    assert "hunter" not in json.dumps(result)
    assert result["invocation"]["module_args"]["task"] == "shop.add"


def test_log_of_the_host_does_not_show_them(call, monkeypatch):
    logged = []
    monkeypatch.setattr(AnsibleModule, "log", lambda _module, msg, log_args=None: logged.append((msg, log_args)))
    call()
    assert logged == [("Invoked", None)]
