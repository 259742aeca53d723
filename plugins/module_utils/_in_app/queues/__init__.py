# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Queues on both brokers: their depth, their messages moved into a dump and back.

May import _common, _declare and the rest of _in_app.
"""
