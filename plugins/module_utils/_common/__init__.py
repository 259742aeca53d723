# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every room uses: arguments of the modules, the helper process in the application's Python, secrets and their
masking, environment files, brokers, peers, control commands and the replies to them, the copying of trees.

Imports nothing of the other rooms.
"""
