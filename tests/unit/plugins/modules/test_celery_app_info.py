# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import json
import sys

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.runtime import Outcome
from ansible_collections.taskfleet.celery.plugins.modules import celery_app_info
from ansible_collections.taskfleet.celery.tests.waiting import PATIENCE

KEYS = {
    "app",
    "versions",
    "fit",
    "broker",
    "result_backend",
    "refused",
    "conf",
    "tasks",
    "queues",
    "modules",
    "module_errors",
    "task_limits",
    "beat_entries",
    "beat_crontabs",
    "revision",
    "app_output_tail",
    "elapsed",
    "changed",
    "invocation",
}


@pytest.fixture
def call(run_module):
    def with_arguments(**arguments):
        return run_module(celery_app_info, **dict({"celery_python": sys.executable, "app": "shop"}, **arguments))

    return with_arguments


@pytest.fixture
def look(look_returns):
    return functools.partial(look_returns, celery_app_info)


def test_application_that_does_not_import_is_an_answer(call, tmp_path):
    (tmp_path / "noise.py").write_text("print('{}')")
    result = call(
        app="no_such_application",
        chdir=str(tmp_path),
        source_dir=str(tmp_path),
        require=["json", "nope_x"],
        timeout=PATIENCE,
    )
    assert set(result) == KEYS
    assert result["changed"] is False
    assert result["app"]["imported"] is False
    assert result["app"]["error_line"].startswith("ModuleNotFoundError: No module named")
    assert result["broker"] == {"url": None, "transport": None, "reachable": None, "layer": "unknown", "error": ""}
    assert result["modules"] == {"json": True, "nope_x": False}
    assert result["module_errors"] == {}
    assert result["versions"]["python"] == "{0}.{1}.{2}".format(*sys.version_info)
    assert len(result["revision"]) == 64


def test_missing_virtual_environment_is_a_failure(call, tmp_path):
    result = call(celery_python=str(tmp_path / "venv/bin/python"))
    assert result["failed"] is True
    assert result["kind"] == "interpreter_missing"


def test_reply_of_the_helper_is_the_result(call, look):
    reply = {
        "stage": "result_backend",
        "app": {"imported": True, "error": "", "error_line": "", "name": "shop", "main": "shop"},
        "conf": {"timezone": "UTC", "task_time_limit": 240},
        "queues": ["celery"],
    }
    calls = look(Outcome(reply, None, "", "", 0.123))
    environment = {"TZ": "UTC", "N": "240", "DB_PASSWORD": "hunter2222"}
    result = call(environment=environment, worker={"queues": ["a"]}, timeout=8)
    assert result["conf"] == {"timezone": "UTC", "task_time_limit": 240}
    assert result["elapsed"] == 0.12
    assert "stage" not in result
    assert "hunter2222" not in json.dumps(result)
    ((_module, _helpers, arguments, given),) = calls
    worker = {"queues": ["a"], "remote_control": True, "gossip": False}
    assert arguments == {"app": "shop", "require": [], "source_dir": None, "worker": worker, "peer_timeout": 2.0}
    assert given == environment


@pytest.mark.parametrize("error", ["timed_out", "killed", "crashed", "no_result"])
def test_import_that_ends_the_process(call, look, error):
    look(Outcome({"stage": "import", "versions": {"celery": "5.7.0"}}, error, "the process was ended", "", 1.0))
    result = call()
    assert result["app"]["imported"] is False
    assert result["app"]["error"] == "the application does not import: the process was ended"
    assert result["versions"] == {"celery": "5.7.0"}


@pytest.mark.parametrize("peer", ["broker", "result_backend"])
def test_peer_that_holds_the_process_up(call, look, peer):
    app = {"imported": True, "error": "", "error_line": "", "name": "shop", "main": "shop"}
    look(Outcome({"stage": peer, "app": app}, "timed_out", "no answer within 30 s", "", 30.0))
    result = call()
    assert result["app"]["imported"] is True
    assert (result[peer]["reachable"], result[peer]["error"]) == (False, "no answer within 30 s")


def test_required_module_that_ends_the_process(call, look):
    app = {"imported": True, "error": "", "error_line": "", "name": "shop", "main": "shop"}
    look(Outcome({"stage": "require", "app": app}, "killed", "the process was ended by SIGSEGV", "", 1.0))
    result = call(require=["gevent"])
    assert result["app"] == app
    assert result["modules"] == {}
