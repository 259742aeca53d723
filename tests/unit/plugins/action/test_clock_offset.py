# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from unittest.mock import MagicMock

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.template import Templar
from ansible_collections.taskfleet.celery.plugins.action.celery_host_info import ActionModule, offset


@pytest.mark.parametrize(
    ("there", "back", "ahead"), [(0.2, 0.2, 0), (0.9, 0.1, 0), (0.1, 0.5, 30), (0.5, 0.1, -3600), (0, 0, 1)]
)
def test_offset_is_within_its_uncertainty(there, back, ahead):
    """Whatever the way there and back took."""
    sent = 1000.0
    began = sent + there + ahead
    ended = began + 1.5
    found, uncertainty = offset(sent, began, ended, ended - ahead + back)
    assert abs(found - ahead) <= uncertainty + 0.001
    assert uncertainty == pytest.approx((there + back) / 2, abs=0.002)


def run(monkeypatch, answer):
    task = Task()
    task.action = "taskfleet.celery.celery_host_info"
    monkeypatch.setattr(ActionModule, "_execute_module", lambda *_self, **_arguments: answer())
    loader = DataLoader()
    templar = Templar(loader=loader)
    return ActionModule(task, MagicMock(), MagicMock(check_mode=False), loader, templar, None).run()


def test_clock_is_compared(monkeypatch):
    def an_hour_ahead():
        now = time.time() + 3600
        return {"changed": False, "clock": {"began_at": now, "ended_at": now, "offset": None, "uncertainty": None}}

    began = time.time()
    clock = run(monkeypatch, an_hour_ahead)["clock"]
    assert abs(clock["offset"] - 3600) <= clock["uncertainty"] + 0.001
    assert clock["uncertainty"] <= (time.time() - began) / 2 + 0.001


@pytest.mark.parametrize("answer", [{"failed": True, "msg": "x"}, {"started": 1, "ansible_job_id": "j1"}])
def test_result_without_a_clock_is_handed_on(monkeypatch, answer):
    assert run(monkeypatch, lambda: dict(answer)).items() >= answer.items()
