# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._act.canary import canary_problems, canary_report

GOOD = {"item": "celery", "state": "SUCCESS", "reason": "", "message": "", "waited": 0.1, "node": "w1@h"}
LATE = {"item": "w2@h", "state": "PENDING", "reason": "not_taken", "message": "nobody took it", "waited": 15.0}


def test_report_names_what_did_not_come_back():
    report = canary_report([GOOD], [LATE], "celery.accumulate")
    assert report["task"] == "celery.accumulate"
    assert report["queues"]["celery"]["node"] == "w1@h"
    assert report["stuck"] == ["w2@h"]
    assert canary_problems(report) == ["w2@h: PENDING not_taken nobody took it"]


def test_module_that_failed_is_a_problem():
    report = canary_report([{"item": "celery", "failed": True, "msg": "no interpreter"}], [], "t")
    assert report["queues"]["celery"]["reason"] == "probe_failed"
    assert canary_problems(report) == ["celery: UNKNOWN probe_failed no interpreter"]


def test_check_mode_sends_nothing():
    result = {"item": "celery", "state": "UNKNOWN", "reason": "", "message": ""}
    assert canary_report([result], [], "t", check_mode=True)["stuck"] == []
    assert canary_report([result], [], "t")["stuck"] == ["celery"]
