# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the workers' control plane, all methods at once over one connection.

Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import time
from collections import Counter

from ansible_collections.taskfleet.celery.plugins.module_utils._common.packing import pack, read
from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import Clock
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.app import application, failure
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.connection import (
    Blocked,
    broker_urls,
    first_broker,
    lost,
    split_urls,
)

# After the last awaited reply: a second process of one name answers within this time.
LINGER = 0.1
# Two processes of one name tell their process ids within this time.
TWINS = 0.5
# A worker that had looked the reply queue up before it was deleted replies within this time.
LATE = 0.05
# Messages that are fetched at once.
MOST = 500
# A longer read of Redis ends up to a second late.
SLICE = 0.2


def main(arguments, tell):
    """Return the replies as they came: [method, node, reply]."""
    clock = Clock(arguments["deadline"] - time.monotonic())
    told, connection, app = reach(arguments, clock)
    if connection is None:
        return told
    replies = []
    tell(**told)
    try:
        with conversation(app, connection, clock) as ask:
            ask(arguments["commands"], arguments["destination"], arguments["awaited"], arguments["settle"], replies)
            told["pids"] = pids(ask, replies, shares_mailboxes(app, connection))
    except Exception as error:
        told["broker"].update(lost(connection, error))
    return dict(told, **pack(replies))


def reach(arguments, clock):
    """Return what to tell of the broker, the connection or None, and the application."""
    try:
        app = application(arguments)
    except BaseException as error:
        return {"problem": failure(error)["error"]}, None, None
    urls = split_urls(arguments["broker_url"]) or broker_urls(app.conf)
    broker, connection = first_broker(app, urls, min(5.0, clock.left()), keep=True)
    return {"broker": broker}, connection if broker["reachable"] else None, app


def pids(ask, replies, shared):
    """Return node and process id as often as a process has told them, of the nodes that may be several processes."""
    methods = {}
    for method, node, _reply in replies:
        methods.setdefault(node, []).append(method)
    doubled = [node for node, answered in methods.items() if len(set(answered)) < len(answered)]
    told = [[method, node, reply] for method, node, reply in replies if method == "stats" and "pid" in reply]
    if shared and told:
        # Two processes of one name take turns at one queue. Two further questions in a row meet both.
        doubled = list(methods)
        told += ask([["stats", {}], ["stats", {}]], doubled, doubled)
    else:
        # The second of them may not have come to tell it yet.
        unclear = [node for node in doubled if len({reply["pid"] for _m, who, reply in told if who == node}) < 2]
        told += ask([["stats", {}]], unclear, [], TWINS) if unclear else []
    return [[node, reply["pid"]] for _method, node, reply in told if node in doubled and "pid" in reply]


def shares_mailboxes(app, connection):
    """Tell whether two workers of one name consume one queue, as on AMQP unless the queue is exclusive."""
    return connection.transport.driver_type == "amqp" and not getattr(app.control.mailbox, "queue_exclusive", False)


@contextlib.contextmanager
def conversation(app, connection, clock):
    """Give a function that asks and returns replies, as often as wanted; leave no reply queue behind."""
    from kombu import Consumer, Producer
    from kombu.utils.uuid import uuid

    mailbox = app.control.mailbox(connection)
    channel = connection.channel()
    queue = mailbox.reply_queue(channel)
    tickets = {}
    gathered = None
    blocked = []

    def on_blocked(reason):
        blocked.append(reason)
        raise Blocked()

    if connection.transport.driver_type == "amqp":
        connection.connection.on_blocked = on_blocked

    def note(ticket, body):
        method = tickets.get(ticket)
        for node, reply in body.items() if method else ():
            gathered.add(method, node, reply)

    def on_reply(body, message):
        note(message.headers.get("ticket"), body)

    def read(seconds):
        """Read what has come; return False when nothing came in time."""
        if not drain(connection, seconds):
            return False
        for ticket, body in waiting(connection, channel, queue.name, consumer.accept):
            note(ticket, body)
        return True

    def ask(commands, destination, awaited, settle=0, replies=None, end=None, hush=None):
        nonlocal gathered
        patience = Clock(min(clock.left(), end) if end else clock.left())
        tickets.clear()
        tickets.update((uuid(), method) for method, _parameters in commands)
        gathered = Gathered(awaited, tickets.values(), [] if replies is None else replies)
        for ticket, (method, parameters) in zip(tickets, commands):
            mailbox._publish(
                method,
                parameters,
                destination=destination or None,
                reply_ticket=ticket,
                channel=channel,
                timeout=patience.left(),
                producer=producer,
            )
        gather(read, gathered, patience, settle, hush)
        if gathered.complete():
            read(LINGER)
        return gathered.replies

    try:
        with Consumer(channel, [queue], callbacks=[on_reply], accept=mailbox.accept, no_ack=True) as consumer:
            producer = Producer(channel, auto_declare=False)
            yield ask
            channel.after_reply_message_received(queue.name)
            drain(connection, LATE)
    finally:
        # Where RabbitMQ does not read, its queue goes with the connection.
        if not blocked:
            clean(connection, channel, queue.name)


class Gathered:
    """The replies so far, and whether all that are awaited have come."""

    def __init__(self, awaited, methods, replies):
        self.replies = replies
        self.missing = Counter((method, node) for node in awaited for method in methods)
        self.awaits = bool(awaited)

    def add(self, method, node, reply):
        self.replies.append([method, node, reply])
        if self.missing[method, node] > 1:
            self.missing[method, node] -= 1
        else:
            self.missing.pop((method, node), None)

    def complete(self):
        return self.awaits and not self.missing


def gather(read, gathered, clock, settle, hush=None):
    """Read replies until all awaited have come; without awaited nodes until it has been quiet for a while.

    With hush it also ends when so many seconds went by without a reply of the awaited.
    """
    quiet = time.monotonic()
    patience = hush if gathered.awaits else settle
    while not gathered.complete():
        now = time.monotonic()
        end = clock.deadline if patience is None else min(clock.deadline, quiet + patience)
        if now >= end:
            break
        if read(min(end - now, SLICE)):
            quiet = time.monotonic()


def drain(connection, seconds):
    """Read at least one message; return False when none came in time."""
    try:
        connection.drain_events(timeout=seconds)
    except socket.timeout:
        return False
    return True


def waiting(connection, channel, name, accept):
    """Give ticket and body of the further replies in a queue of Redis: kombu would fetch a thousand one by one."""
    texts = [b""] if connection.transport.driver_type == "redis" else []
    while texts:
        texts = taken(channel, name)
        for text in texts:
            yield opened(channel, json.loads(text.decode("utf-8")), accept)


def taken(channel, name):
    """Take up to so many messages off a queue of Redis in one step, the oldest first; it is at the list's end."""
    import redis

    # Not kombu's client: that adds the key prefix to some commands and to others not.
    key = (channel.global_keyprefix or "") + name
    with redis.Redis(connection_pool=channel.pool).pipeline() as pipe:
        pipe.lrange(key, -MOST, -1)
        pipe.ltrim(key, 0, -MOST - 1)
        return pipe.execute()[0][::-1]


def opened(channel, message, accept):
    """Return ticket and body of a message: JSON is read here, anything else as kombu does it, which costs more."""
    properties, headers = message["properties"], message["headers"]
    if (
        message.get("content-type") == "application/json"
        and "application/json" in accept
        and properties.get("body_encoding") == "base64"
        and not headers.get("compression")
    ):
        text = base64.b64decode(message["body"])
        # kombu writes dates and the like as a dict of this name.
        if b'"__type__"' not in text:
            return headers.get("ticket"), read(text.decode("utf-8"))
    decoded = channel.message_to_python(message)
    decoded.accept = accept
    return headers.get("ticket"), decoded.payload


def clean(connection, channel, name):
    """Delete the reply queue with whatever came late. The connection may be asked again."""
    if connection.transport.driver_type == "amqp":
        # What ended the conversation is the better error.
        with contextlib.suppress(*connection.connection_errors, *connection.channel_errors):
            channel.queue_delete(name)
            channel.close()
    else:
        channel.after_reply_message_received(name)
        # Closing a channel of Redis waits for its blocking read; the process ends and takes the socket along.
        channel.queue_purge(name)
