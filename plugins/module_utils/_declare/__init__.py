# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet as the inventory declares it: the policy of the judge with its defaults, the command of a worker, and in
preflight/ the refusals of what cannot work. Pure functions of variables.

May import _common.
"""
