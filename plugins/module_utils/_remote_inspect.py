# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the workers' control plane, all methods at once over one connection.

Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

import socket
import time

from ansible_collections.taskfleet.celery.plugins.module_utils._remote_app import failure, find_app
from ansible_collections.taskfleet.celery.plugins.module_utils._remote_peers import (
    Clock,
    answer,
    broker_urls,
    first_broker,
    layer_of,
    sentence,
    split_urls,
)

# After the last awaited reply: a second process of one name answers within this time.
LINGER = 0.1
# A worker that had looked the reply queue up before it was deleted replies within this time.
LATE = 0.05
# A longer read of Redis ends up to a second late.
SLICE = 0.2


def main(arguments, tell):
    """Return the replies as they came: [method, node, reply]."""
    clock = Clock(arguments["deadline"] - time.monotonic())
    try:
        app = find_app(arguments["app"]) if arguments["app"] else bare_app()
    except BaseException as error:
        return {"problem": failure(error)["error"]}
    urls = split_urls(arguments["broker_url"]) or broker_urls(app.conf)
    broker, connection = first_broker(app, urls, min(5.0, clock.left()), keep=True)
    tell(broker=broker, replies=[])
    if not broker["reachable"]:
        return {}
    replies = []
    try:
        converse(app, connection, arguments, clock, replies)
    except Exception as error:
        lost = isinstance(error, connection.connection_errors)
        broker.update(answer(not lost, layer_of(error), sentence(error)))
    return {"broker": broker, "replies": replies}


def bare_app():
    """Return an application that knows nothing but how to speak to workers."""
    from celery import Celery

    return Celery("taskfleet", set_as_current=False)


def converse(app, connection, arguments, clock, replies):
    """Send every command, gather the replies, and leave no reply queue behind."""
    from kombu import Consumer, Producer
    from kombu.utils.uuid import uuid

    mailbox = app.control.mailbox(connection)
    channel = connection.channel()
    tickets = {uuid(): method for method, _parameters in arguments["commands"]}
    gathered = Gathered(arguments["awaited"], tickets.values(), replies)

    def on_reply(body, message):
        method = tickets.get(message.headers.get("ticket"))
        for node, reply in body.items() if method else ():
            gathered.add(method, node, reply)

    queue = mailbox.reply_queue(channel)
    try:
        with Consumer(channel, [queue], callbacks=[on_reply], accept=mailbox.accept, no_ack=True):
            producer = Producer(channel, auto_declare=False)
            for ticket, (method, parameters) in zip(tickets, arguments["commands"]):
                mailbox._publish(
                    method,
                    parameters,
                    destination=arguments["destination"] or None,
                    reply_ticket=ticket,
                    channel=channel,
                    timeout=clock.left(),
                    producer=producer,
                )
            gather(connection, gathered, clock, arguments["settle"])
            if gathered.complete():
                drain(connection, LINGER)
            channel.after_reply_message_received(queue.name)
            drain(connection, LATE)
    finally:
        clean(connection, channel, queue.name)


class Gathered:
    """The replies so far, and whether all that are awaited have come."""

    def __init__(self, awaited, methods, replies):
        self.replies = replies
        self.missing = {(method, node) for node in awaited for method in methods}
        self.awaits = bool(awaited)

    def add(self, method, node, reply):
        self.replies.append([method, node, reply])
        self.missing.discard((method, node))

    def complete(self):
        return self.awaits and not self.missing


def gather(connection, gathered, clock, settle):
    """Read replies until all awaited have come; without awaited nodes until it has been quiet for a while."""
    quiet = time.monotonic()
    while not gathered.complete():
        now = time.monotonic()
        end = clock.deadline if gathered.awaits else min(clock.deadline, quiet + settle)
        if now >= end:
            break
        if drain(connection, min(end - now, SLICE)):
            quiet = time.monotonic()


def drain(connection, seconds):
    """Read at least one message; return False when none came in time."""
    try:
        connection.drain_events(timeout=seconds)
    except socket.timeout:
        return False
    return True


def clean(connection, channel, name):
    """Delete the reply queue with whatever came late."""
    channel.after_reply_message_received(name)
    if connection.transport.driver_type == "amqp":
        connection.close()
    else:
        # Closing a channel of Redis waits for its blocking read; the process ends and takes the socket along.
        channel.queue_purge(name)
