# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The queue to which the workers reply: read as quickly as the broker allows, and gone afterwards.

Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket

from ansible_collections.taskfleet.celery.plugins.module_utils._common.packing import read
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.connection import Blocked

# A worker that had looked the reply queue up before it was deleted replies within this time.
LATE = 0.05
# Messages that are fetched at once.
MOST = 500


class ReplyQueue:
    """A queue of its own for one conversation. Each reply goes to ``deliver`` as its ticket and its body."""

    def __init__(self, connection, mailbox):
        self.connection = connection
        self.channel = connection.channel()
        self.queue = mailbox.reply_queue(self.channel)
        self.accept = mailbox.accept
        self.deliver = lambda ticket, body: None
        self.blocked = False
        self.is_amqp = connection.transport.driver_type == "amqp"
        if self.is_amqp:
            connection.connection.on_blocked = self._on_blocked

    @contextlib.contextmanager
    def consumed(self):
        """Consume the queue meanwhile; leave nothing of it behind."""
        from kombu import Consumer

        options = {"callbacks": [self._on_message], "accept": self.accept, "no_ack": True}
        try:
            with Consumer(self.channel, [self.queue], **options) as consumer:
                # In kombu's own form.
                self.accept = consumer.accept
                yield
                self.channel.after_reply_message_received(self.queue.name)
                drain(self.connection, LATE)
        finally:
            # Where RabbitMQ does not read, its queue goes with the connection.
            if not self.blocked:
                self._remove()

    def read(self, seconds):
        """Deliver what has come; return False when nothing came in time."""
        if not drain(self.connection, seconds):
            return False
        for ticket, body in self._waiting():
            self.deliver(ticket, body)
        return True

    def _on_message(self, body, message):
        self.deliver(message.headers.get("ticket"), body)

    def _on_blocked(self, _reason):
        self.blocked = True
        raise Blocked()

    def _waiting(self):
        """Give ticket and body of the further replies in a queue of Redis: kombu would fetch a thousand one by one."""
        texts = [b""] if self.connection.transport.driver_type == "redis" else []
        while texts:
            texts = taken(self.channel, self.queue.name)
            for text in texts:
                yield opened(self.channel, json.loads(text.decode("utf-8")), self.accept)

    def _remove(self):
        """Delete the queue with whatever came late. The connection may be asked again."""
        if self.is_amqp:
            # What ended the conversation is the better error.
            with contextlib.suppress(*self.connection.connection_errors, *self.connection.channel_errors):
                self.channel.queue_delete(self.queue.name)
                self.channel.close()
        else:
            self.channel.after_reply_message_received(self.queue.name)
            # Closing a channel of Redis waits for its blocking read; the process ends and takes the socket along.
            self.channel.queue_purge(self.queue.name)


def drain(connection, seconds):
    """Read at least one message; return False when none came in time."""
    try:
        connection.drain_events(timeout=seconds)
    except socket.timeout:
        return False
    return True


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
