# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the verdicts, one file per family. A rule is a function of a node that returns its finding, or None where
it does not hold; verdict.py has the order in which they are asked.

May import _common, _declare, _observe and the rest of _judge.
"""
