# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment that a running process was started with, from /proc. Linux only."""

from __future__ import annotations

import os


def environ_of(pid, proc="/proc"):
    """Environment a process was started with, as a dict, or {} where it cannot be read."""
    try:
        with open(os.path.join(proc, str(pid), "environ"), "rb") as stream:
            raw = stream.read()
    except OSError:
        return {}
    pairs = (entry.partition(b"=") for entry in raw.split(b"\0") if b"=" in entry)
    return {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, dummy, value in pairs}
