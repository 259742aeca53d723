# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the workers' control plane, all methods at once over one connection.

Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

import time

from ansible_collections.taskfleet.celery.plugins.module_utils._common.packing import pack
from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import Clock
from ansible_collections.taskfleet.celery.plugins.module_utils._common.urls import split_urls
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.app import application, failure
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.connection import (
    broker_urls,
    first_broker,
    lost,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.conversation import conversation

# Two processes of one name send their process ids within this time.
TWINS = 0.5


def main(arguments, tell):
    """Return the replies as they came: [method, node, reply]."""
    clock = Clock(arguments["deadline"] - time.monotonic())
    result, connection, app = reach(arguments, clock)
    if connection is None:
        return result
    replies = []
    tell(**result)
    try:
        with conversation(app, connection, clock) as ask:
            ask(arguments["commands"], arguments["destination"], arguments["awaited"], arguments["settle"], replies)
            result["pids"] = pids(ask, replies, shares_mailboxes(app, connection))
    except Exception as error:
        result["broker"].update(lost(connection, error))
    return dict(result, **pack(replies))


def reach(arguments, clock):
    """Return the problem or the broker in a dict, the connection or None, and the application."""
    try:
        app = application(arguments)
    except BaseException as error:
        return {"problem": failure(error)["error"]}, None, None
    urls = split_urls(arguments["broker_url"]) or broker_urls(app.conf)
    broker, connection = first_broker(app, urls, min(5.0, clock.left()), keep=True)
    return {"broker": broker}, connection if broker["reachable"] else None, app


def pids(ask, replies, shared):
    """Return node and process id as often as a process has sent them, of the nodes that may be several processes."""
    methods = {}
    for method, node, _reply in replies:
        methods.setdefault(node, []).append(method)
    doubled = [node for node, answered in methods.items() if len(set(answered)) < len(answered)]
    stats = [[method, node, reply] for method, node, reply in replies if method == "stats"]
    if shared and known_pids(stats):
        # Two processes of one name take turns at one queue. Two further questions in a row meet both.
        doubled = list(methods)
        stats += ask([["stats", {}], ["stats", {}]], doubled, doubled)
    else:
        # The second of them may not have sent it yet.
        unclear = [node for node in doubled if len({pid for who, pid in known_pids(stats) if who == node}) < 2]
        stats += ask([["stats", {}]], unclear, [], TWINS) if unclear else []
    return [[node, pid] for node, pid in known_pids(stats) if node in doubled]


def known_pids(stats):
    """Return node and process id of the replies that have one. Anybody can write to the broker."""
    return [
        (node, reply["pid"])
        for _method, node, reply in stats
        if isinstance(reply, dict) and isinstance(reply.get("pid"), int)
    ]


def shares_mailboxes(app, connection):
    """Return whether two workers of one name consume one queue, as on AMQP unless the queue is exclusive."""
    return connection.transport.driver_type == "amqp" and not getattr(app.control.mailbox, "queue_exclusive", False)
