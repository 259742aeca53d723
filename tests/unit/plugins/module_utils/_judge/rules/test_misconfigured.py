# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that a restart would not help."""

from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.rules.misconfigured_fleets import (
    FLEETS,
)
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.scenes import is_found


@pytest.mark.parametrize(("scene", "reason"), FLEETS, ids=[scene.__name__ for scene, _reason in FLEETS])
def test_built_misconfigured(scene, reason):
    is_found(scene().verdict(), reason)
