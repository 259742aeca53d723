# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers of which too little is known."""

from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.recorded import is_judged
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.rules.hidden_fleets import FLEETS
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.scenes import is_found

# Of a real incident, with its heartbeats or without: the rule that decides, the reason, and what is cited.
RECORDED = [
    ("alarm_rate_limit", False, "insufficient_evidence", "insufficient_evidence", []),
    ("fault_broker_full", True, "broker_refusing", "broker_refusing", ["broker broker.error"]),
    ("fault_broker_full", False, "broker_refusing", "broker_refusing", ["broker broker.error"]),
    ("fault_broker_stopped", True, "broker_unreachable", "broker_unreachable", ["broker broker.reachable"]),
    ("fault_broker_stopped", False, "broker_unreachable", "broker_unreachable", ["broker broker.reachable"]),
    ("fault_host_gone", True, "host_unreachable", "host_unreachable", []),
    ("fault_no_evidence", True, "insufficient_evidence", "insufficient_evidence", ["control answered"]),
    ("fault_wrong_password", True, "broker_unreachable", "broker_unreachable", ["broker broker.reachable"]),
]


@pytest.mark.parametrize(("name", "sentinel", "rule", "reason", "cited"), RECORDED)
def test_recorded_hidden(name, sentinel, rule, reason, cited):
    is_judged(name, sentinel, f"hidden.{rule}", reason, cited)


@pytest.mark.parametrize(("scene", "reason"), FLEETS, ids=[scene.__name__ for scene, _reason in FLEETS])
def test_built_hidden(scene, reason):
    is_found(scene().verdict(), reason)
