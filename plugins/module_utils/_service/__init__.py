# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""systemd and supervisor behind one seam: the files of services with their owner's mark, what has to be started or
stopped, and the managers themselves.

May import _common and _declare.
"""
