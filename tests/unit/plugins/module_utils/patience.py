# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What keeps a test from deciding by how quick the machine is."""

from __future__ import annotations

import time

from hypothesis import HealthCheck, settings

# Seconds for what is sure to come. Only what never comes takes longer.
PATIENCE = 300

EXAMPLES = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
MANY_EXAMPLES = settings(EXAMPLES, max_examples=200)


def wait_for(predicate, why):
    """Call the predicate until it answers something true, and return that; or fail saying why it was waited for."""
    end = time.monotonic() + PATIENCE
    while not (answer := predicate()):
        assert time.monotonic() < end, f"not within {PATIENCE} s: {why}"
        time.sleep(0.01)
    return answer
