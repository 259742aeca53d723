# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chooses what can empty and fill the queues of a broker.

Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.store_amqp import AmqpStore
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.store_redis import RedisStore

STORES = {store.kind: store for store in (AmqpStore, RedisStore)}


def store_of(queues):
    """Return the store of queues."""
    return STORES[queues.kind](queues)
