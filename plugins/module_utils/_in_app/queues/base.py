# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the queues of all brokers share. Runs inside the application's Python. Private to the collection."""

from __future__ import annotations

# Seconds of the timeout that are kept for handing over what was found.
RESERVE = 0.5


class Refusal(Exception):
    """What the caller has to fix: nothing was changed, and the broker is not to blame."""


def in_time(clock):
    """Stop while there is time to leave things in order."""
    if clock.left() < 2 * RESERVE:
        raise Refusal("ran out of time; no message is lost. Run it again with a longer timeout")


def unknown_queue():
    """Return a queue of which nothing is known yet."""
    return {
        "exists": None,
        "ready": None,
        "unacked": None,
        "consumers": None,
        "by_priority": None,
        "oldest_age": None,
        "oldest_age_of": None,
        "held": None,
        "type": None,
        "error": "",
        "unknown": {},
    }
