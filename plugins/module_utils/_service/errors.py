# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the service managers."""

from __future__ import annotations


class ServiceError(Exception):
    """A service manager refused, failed or did not answer; the text names the verb and the service."""
