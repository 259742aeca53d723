# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way in which tests, faults and benchmarks wait. Only the standard library: it runs under any Python."""

from __future__ import annotations

import time

# Seconds. The bound of a wait that proves nothing about speed, as nearly all do: a busy machine may stand still for a
# while, or be several times slower than usual, and nothing that is tested is to blame for it.
PATIENCE = 300
# The same for a program that has several such waits in it.
RUN_PATIENCE = 6 * PATIENCE


def wait_for(predicate, why, timeout=PATIENCE):
    """Call the predicate until it answers something true; return that, or fail saying why it was waited for."""
    end = time.monotonic() + timeout
    pause = 0.01
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {why}; last answer: {answer!r}")
        time.sleep(pause)
        # Many answers come from a host, and to ask one costs as much as what it is asked about.
        pause = min(1.5 * pause, 1.0)
