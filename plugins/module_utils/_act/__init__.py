# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What follows from verdicts: the plan with its brakes, one restart with all its steps, and what came of a heal.

May import _common, _declare, _observe, _judge and _service.
"""
