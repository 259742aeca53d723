# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that are up and do not work, and what only looks like it."""

from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.rules.stuck_fleets import FLEETS
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import ExampleFleet
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.scenes import is_found, outcome


@pytest.mark.parametrize(("scene", "reason"), FLEETS, ids=[scene.__name__ for scene, _reason in FLEETS])
def test_built_stuck(scene, reason):
    is_found(scene().verdict(), reason)


def test_a_rate_limit_does_not_excuse_who_holds_nothing():
    limits = [{"shop.add": "1/h"}] * 2
    blind = ExampleFleet(sentinel=False).work_waits().set_reply("rate_limits", limits)
    watched = ExampleFleet().work_waits().set_reply("rate_limits", limits).beat_says(problem="not_consuming")
    assert outcome(blind.verdict()) == outcome(watched.verdict()) == ("stuck", "not_consuming")
