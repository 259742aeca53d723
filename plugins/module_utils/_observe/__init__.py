# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host shows: its services, processes, sockets, control groups, logs and heartbeats. Reads only, never fails on
what it cannot see: it says what is missing.

May import _common, _declare and _service.
"""
