# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.taskfleet.celery.plugins.modules import celery_host_info

PROCESS = {
    "pid": 5,
    "ppid": 1,
    "kind": "beat",
    "role": "main",
    "app": "shop",
    "node": "",
    "user": "shop",
    "cmdline": "celery -A shop beat",
    "embedded_beat": False,
    "service": "",
    "environment_readable": True,
    "started_at": "2026-01-01T00:00:00Z",
}
WORKER = {**PROCESS, "pid": 6, "kind": "worker", "node": "w1@web1", "service": "shop-worker@w1"}


def run(capsys, monkeypatch, **arguments):
    monkeypatch.setattr(celery_host_info, "scan", lambda: [PROCESS, WORKER])
    with patch_module_args(arguments), pytest.raises(SystemExit):
        celery_host_info.main()
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("check_mode", [False, True])
def test_everything(capsys, monkeypatch, check_mode):
    result = run(capsys, monkeypatch, _ansible_check_mode=check_mode)
    assert result["changed"] is False
    assert [process["pid"] for process in result["processes"]] == [5, 6]
    assert result["strays"] == []


def test_one_kind_of_one_application(capsys, monkeypatch):
    result = run(capsys, monkeypatch, app="shop", kinds=["beat"])
    assert [process["pid"] for process in result["processes"]] == [5]
    assert [process["pid"] for process in result["strays"]] == [5]


def test_unknown_kinds_are_refused(capsys, monkeypatch):
    assert run(capsys, monkeypatch, kinds=["broker"])["failed"]


@pytest.mark.parametrize("name", ["processes", "strays"])
def test_every_key_is_documented(name):
    assert set(yaml.safe_load(celery_host_info.RETURN)[name]["contains"]) == set(PROCESS)
