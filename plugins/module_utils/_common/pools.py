# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pools of Celery's workers, and what each can do. Private to the collection."""

from __future__ import annotations

POOLS = ("prefork", "solo", "threads", "gevent", "eventlet")

# They can grow and shrink. In threads the autoscaler ends with an AttributeError, solo ignores it.
SCALABLE = ("prefork", "gevent", "eventlet")

# Their tasks run inside the main loop, which then does not turn.
IN_LOOP = ("solo", "gevent", "eventlet")

# They do not enforce every time limit: gevent knows no soft one, the others none at all.
PARTLY_LIMITED = ("solo", "threads", "gevent", "eventlet")

# They need a library of their name besides Celery.
GREENLETS = ("gevent", "eventlet")


def pool_of(implementation):
    """Return the name of a pool, as --pool takes it, from its class: celery.concurrency.thread:TaskPool is threads.

    None for no class; the name of the module for a pool of the application's own.
    """
    if not implementation:
        return None
    name = str(implementation).partition(":")[0].rpartition(".")[2]
    return {"thread": "threads"}.get(name, name)
