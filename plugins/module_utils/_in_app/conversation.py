# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions to the workers over one connection, as often as wanted, and their replies.

Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter

from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import Clock
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.reply_queue import ReplyQueue

# After the last awaited reply: a second process of one name answers within this time.
LINGER = 0.1
# A longer read of Redis ends up to a second late.
SLICE = 0.2


@contextlib.contextmanager
def conversation(app, connection, clock):
    """Give a function that asks and returns replies, as often as wanted; leave no reply queue behind."""
    mailbox = app.control.mailbox(connection)
    queue = ReplyQueue(connection, mailbox)
    with queue.consumed():
        yield Asker(mailbox, queue, clock).ask


class Asker:
    """Puts questions into the workers' mailboxes, and gathers what comes back for them."""

    def __init__(self, mailbox, queue, clock):
        from kombu import Producer

        self.mailbox = mailbox
        self.queue = queue
        self.clock = clock
        self.producer = Producer(queue.channel, auto_declare=False)
        self.tickets = {}
        self.gathered = None
        queue.deliver = self._note

    def ask(self, commands, destination, awaited, settle=0, replies=None, end=None, hush=None):
        """Send the commands, [method, parameters], and return the replies, [method, node, reply], also in ``replies``.

        It waits for the awaited nodes, but for ``end`` seconds at most, and not for longer than ``hush`` without any
        reply. Where nobody is awaited, it waits until nothing has come for ``settle`` seconds.
        """
        from kombu.utils.uuid import uuid

        limit = Clock(min(self.clock.left(), end) if end else self.clock.left())
        self.tickets = {uuid(): method for method, _parameters in commands}
        self.gathered = Gathered(awaited, self.tickets.values(), [] if replies is None else replies)
        for ticket, (method, parameters) in zip(self.tickets, commands):
            self._publish(method, parameters, destination, ticket, limit)
        gather(self.queue.read, self.gathered, limit, settle, hush)
        if self.gathered.complete():
            self.queue.read(LINGER)
        return self.gathered.replies

    def _publish(self, method, parameters, destination, ticket, limit):
        self.mailbox._publish(
            method,
            parameters,
            destination=destination or None,
            reply_ticket=ticket,
            channel=self.queue.channel,
            timeout=limit.left(),
            producer=self.producer,
        )

    def _note(self, ticket, body):
        """Keep a reply. One to an earlier question has a ticket that is not known any more."""
        method = self.tickets.get(ticket)
        for node, reply in body.items() if method else ():
            self.gathered.add(method, node, reply)


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
    quiet_since = time.monotonic()
    longest = hush if gathered.awaits else settle
    while not gathered.complete():
        now = time.monotonic()
        end = clock.deadline if longest is None else min(clock.deadline, quiet_since + longest)
        if now >= end:
            break
        if read(min(end - now, SLICE)):
            quiet_since = time.monotonic()
