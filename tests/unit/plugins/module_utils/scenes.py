# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All fleets that were built for the tests of single rules, for the tests that take any."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import REASONS
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.rules import (
    healthy_fleets,
    hidden_fleets,
    misconfigured_fleets,
    service_fleets,
    stuck_fleets,
)

# Functions that return a fleet, with the reason to be found for w1@web1.
SCENES = [
    *service_fleets.FLEETS,
    *hidden_fleets.FLEETS,
    *healthy_fleets.FLEETS,
    *misconfigured_fleets.FLEETS,
    *stuck_fleets.FLEETS,
]


def outcome(verdict):
    return verdict["verdict"], verdict["reason"]


def is_found(found, reason):
    """Assert that a verdict has this reason, and all that belongs to it."""
    verdict, action, remedy = REASONS[reason]
    assert outcome(found) == (verdict, reason), found["cause"]
    assert (found["action"], found["remedy"]) == (action, remedy)
    assert found["runbook"] == f"docs/runbooks/{reason}.md"
    assert found["cause"].endswith(".") or ":" in found["cause"]
