# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many examples hypothesis tries; none is refused for being slow."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

EXAMPLES = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
MANY_EXAMPLES = settings(EXAMPLES, max_examples=200)
