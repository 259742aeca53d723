# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs in the application's own Python, sent there by _common/runtime.py along with what it imports: the application,
its connection, the questions to the control plane, tasks, beat's schedule.

May import _common and _declare, by the full path of a file: a package does not travel.
"""
