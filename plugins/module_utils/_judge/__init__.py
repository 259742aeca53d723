# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From evidence to verdicts: evidence in one form, the fleet and its nodes, the rules, the findings, and the report that
says it. Pure functions of what was seen.

May import _common, _declare and _observe.
"""
