# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rules ask about one node, one file for each kind of evidence, and for each idea that takes several kinds.
case.py puts them together. What is not known is None, never False.

May import _common, _declare, _observe and the rest of _judge.
"""
