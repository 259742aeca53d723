# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes messages off queues of RabbitMQ and puts them back.

A purge gets messages without acknowledging them: whatever happens to it, RabbitMQ puts them back. It publishes nothing,
as a server that is short of memory or disk lets nobody publish. A restore publishes in transactions, each of which also
replaces the restore's entry in a journal queue, so that the next run knows how far this one came. Runs inside the
application's Python. Private to the collection.
"""

from __future__ import annotations

import base64
import functools
import itertools
import json
import struct
import uuid
from collections import Counter

from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.base import Refusal, in_time
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.dump import (
    Seal,
    batches,
    now,
    packed,
    payload,
)

# Messages of one transaction.
BATCH = 200
# Questions for a message that are on their way at once.
ASKED = 50
JOURNAL = "taskfleet.restored"
LOCK = "taskfleet.restoring"
# What RabbitMQ adds to the headers of a message that it delivers again.
ADDED = "x-delivery-count"
# From the specification of AMQP 0-9-1: the class, flags of its first properties, and the sizes of integers by type.
BASIC = 60
CONTENT_TYPE, CONTENT_ENCODING, HEADERS = 1 << 15, 1 << 14, 1 << 13
INTEGERS = {b"b": 1, b"B": 1, b"s": 2, b"U": 2, b"u": 2, b"I": 4, b"i": 4, b"l": 8, b"L": 8}


@functools.lru_cache(maxsize=None)
def message_class():
    """Return a message that keeps its properties as they came; py-amqp makes all that it receives from it.

    Decoded and encoded again, numbers in the headers may change their type.
    """
    import amqp.basic_message
    import amqp.method_framing

    class Message(amqp.basic_message.Message):
        raw_properties = None

        def _load_properties(self, class_id, buf, offset):
            self.raw_properties = bytes(buf[offset:])
            return super()._load_properties(class_id, buf, offset)

        def _serialize_properties(self):
            return super()._serialize_properties() if self.raw_properties is None else self.raw_properties

    amqp.method_framing.Message = Message
    return Message


def parts_of(message):
    """Return what makes up a message: properties and body."""
    headers = message.properties.get("application_headers") or {}
    if ADDED in headers:
        del headers[ADDED]
        if not headers:
            del message.properties["application_headers"]
        raw = without_header(message.raw_properties, ADDED)
        # Encoded again where it is written in another way than expected.
        message.raw_properties = raw if raw and decoded(raw) == message.properties else None
    return message._serialize_properties(), bytes(message.body or b"")


def without_header(raw, name):
    """Return encoded properties without one header whose value is an integer, or None when it is not found."""
    (flags,) = struct.unpack_from(">H", raw)
    start = 2
    for flag in (CONTENT_TYPE, CONTENT_ENCODING):
        if flags & flag:
            start += 1 + raw[start]
    key = struct.pack("B", len(name)) + name.encode("ascii")
    found = raw.find(key, start + 4)
    if not flags & HEADERS or found < 0:
        return None
    size = INTEGERS.get(raw[found + len(key) : found + len(key) + 1])
    (length,) = struct.unpack_from(">I", raw, start)
    if size is None:
        return None
    entry = len(key) + 1 + size
    if entry == length:
        # RabbitMQ has made the table for this header.
        return struct.pack(">H", flags & ~HEADERS) + raw[2:start] + raw[start + 4 + length :]
    table = struct.pack(">I", length - entry) + raw[start + 4 : found] + raw[found + entry :]
    return raw[:start] + table


def decoded(raw):
    """Return encoded properties as a dict."""
    message = message_class()()
    message._load_properties(BASIC, raw, 0)
    return message.properties


def likeness(properties, body):
    """Return what two deliveries of one message have in common; RabbitMQ may encode a header in two ways."""
    return repr(sorted(decoded(properties).items())), body


def message_of(record):
    """Return the message of a dump's line."""
    properties, body = payload(record)
    message = message_class()(body)
    message.raw_properties = properties
    return message


def described(message):
    """Return what a reader of a dump wants to know of a message; what goes back is its raw form."""
    properties = dict(message.properties)
    headers = properties.pop("application_headers", None) or {}
    description = {name: headers.get(name) for name in ("id", "task", "eta")}
    description.update({name: message.delivery_info.get(name) for name in ("exchange", "routing_key")})
    return dict(description, headers=readable(headers), properties=readable(properties))


def readable(value):
    """Return a structure as JSON can hold it."""
    return json.loads(json.dumps(value, default=str, skipkeys=True))


class AmqpStore:
    """What a purge and a restore do with the queues of a virtual host."""

    kind = "amqp"

    def __init__(self, queues):
        self.queues = queues
        self.connection = queues.connection
        message_class()

    # -- Purge

    def waiting(self, names, _clock=None):
        """Return by queue how many messages a purge would take, and what to warn of."""
        total = {}
        for name in names:
            queue = self.queues.declared(name)
            if queue["exists"] is False:
                raise Refusal("there is no queue {0} in {1}; correct queues".format(name, self.queues.virtual_host))
            if queue["error"]:
                raise Refusal("the queue {0} cannot be looked into: {1}".format(name, queue["error"]))
            total[name] = queue["ready"]
        return total, []

    def take(self, names):
        """Return the queues as segments; what arrives from now on stays."""
        counts, _warnings = self.waiting(names)
        channel = raw_channel(self.connection)
        return [Segment(channel, name, counts[name]) for name in names if counts[name]]

    def put_back(self, segments):
        """Give everything back to RabbitMQ, which does not keep the order of a quorum queue."""
        for segment in segments[:1]:
            segment.channel.close()

    def delete(self, segments):
        """Acknowledge what is written down: all queues are got from on one channel, so one frame does it."""
        last = segments[-1]
        last.channel.basic_ack(last.last_tag, multiple=True)
        # Answered after the acknowledgement was carried out.
        last.channel.queue_declare(last.queue, passive=True)

    def finish(self, dump):
        """Delete what an interrupted purge had written down completely; return what to warn of."""
        written = {}
        for segment, records in dump.messages():
            messages = (likeness(*payload(record)) for record in records)
            written.setdefault(segment["queue"], Counter()).update(messages)
        missing = sum(self.acknowledge(name, left) for name, left in written.items())
        if not missing:
            return []
        text = (
            "{0} of the {1} messages of the dump are not in their queue now: they were deleted already, or a worker has"
            " taken them since the purge was interrupted, and a restore would run those again"
        )
        return [text.format(missing, sum(dump.counts().values()))]

    def acknowledge(self, name, left):
        """Acknowledge the messages of a queue that a dump holds; return how many of them are not there."""
        counts, _warnings = self.waiting([name])
        channel = raw_channel(self.connection)
        found = []
        for message in fetch(channel, name, counts[name]):
            alike = likeness(*parts_of(message))
            if left[alike] > 0:
                left[alike] -= 1
                found.append(message.delivery_info["delivery_tag"])
        for tag in found:
            channel.basic_ack(tag)
        channel.queue_declare(name, passive=True)
        # What is not acknowledged goes back.
        channel.close()
        return sum(left.values())

    # -- Restore

    def restored(self, dump):
        """Return by id of the segment how many messages are in place already."""
        if not self.queues.declared(JOURNAL)["exists"]:
            return {}
        channel = raw_channel(self.connection)
        entries = read_journal(channel)
        channel.close()
        return {one["id"]: entries[one["id"]][0] for one in dump.segments if one["id"] in entries}

    def check(self, dump):
        """Refuse what cannot be restored here."""
        self.waiting(sorted(dump.counts()))

    def restore(self, dump, clock):
        """Publish what is not in place; return by queue how many messages this call has published."""
        from amqp.exceptions import ResourceLocked

        channel = raw_channel(self.connection)
        try:
            # Belongs to this connection alone, and ends with it.
            channel.queue_declare(LOCK, exclusive=True, auto_delete=True)
        except ResourceLocked:
            raise Refusal("another restore runs at this moment in {0}".format(self.queues.virtual_host)) from None
        channel.queue_declare(JOURNAL, durable=True, auto_delete=False)
        channel.tx_select()
        returned = []
        channel.events["basic_return"].add(lambda *what: returned.append(what))
        journal, placed = read_journal(channel), dict.fromkeys(dump.counts(), 0)
        for segment, records in dump.messages():
            entry = Entry(channel, segment["id"], *journal.get(segment["id"], (0, None)))
            for batch in batches(itertools.islice(records, entry.done, None), BATCH):
                in_time(clock)
                for record in batch:
                    publish(channel, message_of(record), segment["queue"])
                entry.commit(entry.done + len(batch))
                if returned:
                    # With the queue went what was in it.
                    entry.commit(0)
                    raise Refusal("the queue {0} was deleted; create it and run it again".format(segment["queue"]))
                placed[segment["queue"]] += len(batch)
        # The entries go back to the journal.
        channel.close()
        return placed


def raw_channel(connection):
    """Return a channel that leaves bodies as they are."""
    channel = connection.channel()
    channel.auto_decode = False
    return channel


def fetch(channel, queue, limit):
    """Yield at most so many messages, without acknowledging them, until there are none.

    It is basic_get of py-amqp, with many questions on their way at once.
    """
    from amqp.spec import Basic

    empty = False
    while limit and not empty:
        asked = min(limit, ASKED)
        for _turn in range(asked):
            channel.send_method(Basic.Get, "Bsb", (0, queue, False))
        for _turn in range(asked):
            reply = channel.wait([Basic.GetOk, Basic.GetEmpty], returns_tuple=True)
            if len(reply) < 2:
                empty = True
            else:
                limit -= 1
                yield channel._on_get_ok(*reply)


def publish(channel, message, queue):
    """Publish a message to exactly one queue."""
    channel.basic_publish(message, exchange="", routing_key=queue, mandatory=True)


def read_journal(channel):
    """Return by id of the segment how many messages are in place, and the delivery tag of the entry."""
    entries = {}
    message = channel.basic_get(JOURNAL)
    while message is not None:
        entry = json.loads(bytes(parts_of(message)[1]).decode("utf-8"))
        entries[entry["id"]] = entry["done"], message.delivery_info["delivery_tag"]
        message = channel.basic_get(JOURNAL)
    return entries


class Entry:
    """How many messages of a segment are in place, as the journal says."""

    def __init__(self, channel, name, done, tag):
        self.channel, self.name, self.done, self.tag = channel, name, done, tag

    def commit(self, done):
        """End the transaction in which the messages were published by replacing the entry."""
        body = json.dumps({"id": self.name, "done": done, "at": now()})
        publish(self.channel, message_class()(body.encode("ascii"), delivery_mode=2), JOURNAL)
        if self.tag is not None:
            self.channel.basic_ack(self.tag)
        self.channel.tx_commit()
        self.done = done
        # All others are held by this channel.
        self.tag = self.channel.basic_get(JOURNAL).delivery_info["delivery_tag"]


class Segment:
    """The messages of a queue that were there when the purge began."""

    priority = None

    def __init__(self, channel, queue, limit):
        self.channel, self.queue, self.limit = channel, queue, limit
        self.last_tag = None
        self.seal = Seal()
        self.name = uuid.uuid4().hex

    def records(self):
        """Yield the messages as lines of a dump."""
        for message in fetch(self.channel, self.queue, self.limit):
            self.last_tag = message.delivery_info["delivery_tag"]
            properties, body = parts_of(message)
            self.seal.add(properties, body)
            record = described(message)
            record.update(packed("body", body), priority=message.properties.get("priority"))
            yield dict(record, raw_properties=base64.b64encode(properties).decode("ascii"))

    def summary(self):
        """Return the segment for the end of a dump."""
        part = {"queue": self.queue, "priority": None, "messages": self.seal.messages}
        return dict(part, id=self.name, sha256=self.seal.hexdigest())
