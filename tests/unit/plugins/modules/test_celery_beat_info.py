# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import sys

import pytest
import yaml
from ansible_collections.taskfleet.celery.plugins.module_utils._common.runtime import Outcome
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import schedule_file
from ansible_collections.taskfleet.celery.plugins.module_utils._observe.processes import beats
from ansible_collections.taskfleet.celery.plugins.modules import celery_beat_info

BEAT = {"pid": 5, "kind": "beat", "role": "main", "app": "shop", "embedded_beat": False}
TOLD = {
    "stage": "done",
    "problem": "",
    "scheduler": "celery.beat:PersistentScheduler",
    "configured": [],
    "schedule": {"source": "file", "readable": True, "error": "", "entries": [], "lock": None, "written_by": "5.7.0"},
}
DOCUMENTED = yaml.safe_load(celery_beat_info.RETURN)


@pytest.fixture
def call(run_module, monkeypatch):
    """Return a function that runs the module as if the helper had come to this outcome."""

    def with_arguments(outcome, **arguments):
        monkeypatch.setattr(celery_beat_info, "look", lambda *_arguments: outcome)
        monkeypatch.setattr(celery_beat_info, "scan", lambda **_known: [BEAT])
        return run_module(celery_beat_info, celery_python=sys.executable, **arguments)

    return with_arguments


def test_healthy_beat(call, tmp_path):
    (tmp_path / "schedule.db").write_bytes(b"x" * 7)
    (tmp_path / "schedule.db").chmod(0o640)
    result = call(Outcome(TOLD, None, "", "", 0.456), app="shop", schedule_file=str(tmp_path / "schedule"))
    assert set(result) - {"changed", "invocation"} == set(DOCUMENTED) - {"kind"}
    assert (result["count"], result["beats"], result["changed"]) == (1, [BEAT], False)
    assert result["schedule"] == TOLD["schedule"]
    assert set(result["schedule"]) == set(DOCUMENTED["schedule"]["contains"])
    assert result["probe"] == {"ok": True, "error": ""}
    (part,) = result["file"]["parts"]
    assert set(part) == set(DOCUMENTED["file"]["contains"]["parts"]["contains"])
    assert (part["mode"], part["size"]) == ("0640", 7)
    assert part["modified_at"] == round((tmp_path / "schedule.db").stat().st_mtime, 3)


def test_application_that_does_not_import(call):
    reply = {"stage": "done", "problem": "the application does not import: x", "scheduler": None, "configured": None}
    result = call(Outcome(reply, None, "", "", 0.1), app="shop")
    assert result["probe"] == {"ok": False, "error": "the application does not import: x"}
    assert (result["configured"], result["schedule"]["readable"], result["file"]) == (None, None, None)


def test_file_that_takes_its_reader_down(call):
    reply = {"stage": "schedule", "problem": "", "scheduler": None, "configured": None}
    result = call(Outcome(reply, "killed", "the process was ended by SIGSEGV", "", 0.1), schedule_file="/nowhere/s")
    assert result["schedule"]["readable"] is False
    assert "SIGSEGV" in result["schedule"]["error"]
    assert result["file"]["error"].startswith("/nowhere: ")


def test_probe_that_does_not_come_back_says_nothing_about_the_schedule(call):
    result = call(Outcome({"stage": "import"}, "timed_out", "no answer within 20 s", "", 20.0), schedule_file="/x/s")
    assert result["schedule"]["readable"] is None
    assert result["probe"] == {"ok": False, "error": "no answer within 20 s"}


@pytest.mark.parametrize(
    ("process", "app", "found"),
    [
        ({}, "shop.celery", True),
        ({}, "", True),
        ({}, "other", False),
        ({"role": "child"}, "shop", False),
        ({"kind": "worker"}, "shop", False),
        ({"kind": "worker", "embedded_beat": True}, "shop", True),
    ],
)
def test_senders_of_periodic_tasks(process, app, found):
    assert bool(beats([{**BEAT, **process}], app)) is found


def test_users_without_a_name(tmp_path, monkeypatch):
    def unknown(number):
        raise KeyError(number)

    monkeypatch.setattr(schedule_file.pwd, "getpwuid", unknown)
    (tmp_path / "x").touch()
    assert schedule_file.part_of(str(tmp_path / "x"))["owner"] == str(os.getuid())
