# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fills queues, and says what is in them, without any code of the collection. Runs under an application's Python.

oracle.py fill URL COUNT      tasks of mixed priority and ETA, and messages that are no tasks, into celery, prio and quo
oracle.py snapshot URL        prints {"digest", "messages", "strays"}: of all messages, byte for byte and in order
oracle.py forget URL          deletes the record of what was restored on RabbitMQ
oracle.py serve URL           does these two for each line that is read; prints a line for each
oracle.py traffic URL FILE    sends and takes numbered tasks until there is such a file; prints {"sent", "taken"}
oracle.py numbers URL         takes all that is left; prints the numbers
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
import threading
import time
from datetime import datetime, timezone

import amqp.basic_message
from kombu import Connection, Queue

# Seconds after which traffic ends by itself.
LIMIT = 600
QUEUES = [
    Queue("celery"),
    Queue("prio", queue_arguments={"x-max-priority": 10}),
    Queue("quo", queue_arguments={"x-queue-type": "quorum"}),
]
NAMES = [queue.name for queue in QUEUES]


class Message(amqp.basic_message.Message):
    """Keeps its properties as they came."""

    raw = None

    def _load_properties(self, class_id, buf, offset):
        self.raw = bytes(buf[offset:])
        return super()._load_properties(class_id, buf, offset)

    def _serialize_properties(self):
        return super()._serialize_properties() if self.raw is None else self.raw


def is_redis(url):
    return url.startswith("redis")


def application(url):
    # Not needed to look at queues, and slow to import.
    from celery import Celery

    app = Celery("oracle", broker=url, set_as_current=False)
    app.conf.task_queues = QUEUES
    return app


def fill(url, count):
    """Send tasks, and, with many, what is not a task."""
    app = application(url)
    chance = random.Random(int(count))
    with app.producer_pool.acquire() as producer:
        for number in range(int(count)):
            app.send_task(
                "shop.add",
                args=[number, "ü" * chance.randint(0, 200)],
                queue=chance.choice(NAMES),
                priority=chance.choice([None, 0, 1, 3, 5, 6, 9]),
                countdown=chance.choice([None, 3600]),
                expires=chance.choice([None, 7200]),
                producer=producer,
            )
    if int(count) < 100:
        return
    with Connection(url) as connection:
        channel = connection.channel()
        if is_redis(url):
            for raw in (b"\xff\x00 no text", b"[]", '{"a": "\u2028"}'.encode(), b""):
                channel.client.lpush("celery", raw)
            return
        headers = {
            "small": 1, "large": 1 << 40, "negative": -5, "float": 0.1, "text": "ü", "none": None, "yes": True,
            "when": datetime(2026, 1, 1, tzinfo=timezone.utc), "list": [1, "a", {"b": [2]}], "table": {"c": {}},
        }  # fmt: skip
        for name in NAMES:
            for body, properties in (
                (b"\xff\x00", {}),
                (b"", {"message_id": "empty", "timestamp": 1760000000}),
                (b"\xff", {"content_encoding": "utf-8", "application_headers": headers}),
                (b"x" * 300000, {"delivery_mode": 2, "app_id": "a", "type": "t", "reply_to": "r", "priority": 4}),
            ):
                channel.basic_publish(amqp.basic_message.Message(body, **properties), exchange="", routing_key=name)
        channel.close()


def contents(url):
    """Return by list, or queue, its messages in order."""
    found = {}
    with Connection(url) as connection:
        channel = connection.channel()
        if is_redis(url):
            for key in channel.client.scan_iter(count=1000):
                if channel.client.type(key) == b"list" and not is_dropped_soon(channel.client, key):
                    found[key.decode()] = channel.client.lrange(key, 0, -1)
            return found
        amqp.method_framing.Message = Message
        channel.auto_decode = False
        sender = connection.channel()
        # One answer for all that is sent, where a confirm is one for each.
        sender.tx_select()
        for name in NAMES:
            messages = []
            # Taken for good and sent again: what is given back to a quorum queue comes back in any order.
            while True:
                message = channel.basic_get(name, no_ack=True)
                if message is None:
                    break
                messages.append(message)
                found.setdefault(name, []).append(as_sent(message) + b"|" + bytes(message.body or b""))
            for message in messages:
                message.body = bytes(message.body or b"")
                sender.basic_publish(message, exchange="", routing_key=name)
            sender.tx_commit()
        sender.close()
        channel.close()
    return found


def as_sent(message):
    """Return the properties of a message; a quorum queue counts in the headers how often it has delivered one."""
    headers = message.properties.get("application_headers") or {}
    if headers.pop("x-delivery-count", None) is None:
        return message.raw
    message.raw = None
    if not headers:
        del message.properties["application_headers"]
    return message._serialize_properties()


def forget(url):
    """Let RabbitMQ forget what was restored: each entry is one more that a restore has to read."""
    with Connection(url) as connection:
        connection.channel().queue_delete("taskfleet.restored")
    print("{}")


def snapshot(url):
    """Print what identifies the contents of all queues: in_order, and with the order of the quorum queue left out.

    RabbitMQ puts messages that a client held when it died into a quorum queue in any order.
    """
    found = contents(url)
    loose = dict(found) if is_redis(url) else dict(found, quo=sorted(found["quo"]))
    number = sum(map(len, found.values()))
    print(json.dumps({"digest": digest(loose), "in_order": digest(found), "messages": number, "strays": strays(url)}))


def serve(url):
    """Answer what is asked on standard input, line by line."""
    for line in sys.stdin:
        {"snapshot": snapshot, "forget": forget}[line.strip()](url)
        sys.stdout.flush()


def digest(found):
    """Return the digest of a snapshot."""
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()


def strays(url):
    """Return what a purge or a restore has left on Redis that is no record of a restore."""
    if not is_redis(url):
        return []
    with Connection(url) as connection:
        client = connection.channel().client
        keys = sorted(client.scan_iter(match="*_taskfleet.*", count=1000))
        return [
            key.decode()
            for key in keys
            if not key.endswith(b"_taskfleet.restored") and not is_dropped_soon(client, key)
        ]


def is_dropped_soon(client, key):
    """Tell whether a key is what a restore that was killed had brought to the server, which drops it by itself."""
    return key.startswith(b"_taskfleet.restore.") and 0 < client.ttl(key) <= 3600


def traffic(url, file):
    """Send and take numbered tasks at once."""
    app, end = application(url), time.monotonic() + LIMIT
    sent, taken = [], []
    # One is taken for two that are sent, so that some wait.
    turns = threading.Semaphore(0)

    def goes_on():
        return not os.path.exists(file) and time.monotonic() < end

    def send():
        with app.connection_for_write() as connection:
            producer = app.amqp.Producer(connection)
            while goes_on():
                app.send_task("shop.add", args=[len(sent)], queue="celery", priority=len(sent) % 10, producer=producer)
                sent.append(len(sent))
                if len(sent) % 2:
                    turns.release()

    def take():
        with app.connection_for_read() as connection:
            queue = connection.SimpleQueue(QUEUES[0])
            queue.consumer.qos(prefetch_count=1)
            while goes_on():
                if not turns.acquire(timeout=0.2):
                    continue
                try:
                    message = queue.get(timeout=0.2)
                except queue.Empty:
                    continue
                taken.append(message.payload[0][0])
                message.ack()
            queue.close()

    threads = [threading.Thread(target=work) for work in (send, take)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"sent": sent, "taken": taken}))


def numbers(url):
    """Take what is left."""
    app, left = application(url), []
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue(QUEUES[0])
        while True:
            try:
                # Answered at once whether there is one, so that a slow broker does not look like an empty queue.
                message = queue.get(block=False)
            except queue.Empty:
                break
            left.append(message.payload[0][0])
            message.ack()
    print(json.dumps(left))


if __name__ == "__main__":
    import amqp.method_framing

    {"fill": fill, "forget": forget, "snapshot": snapshot, "serve": serve, "traffic": traffic, "numbers": numbers}[
        sys.argv[1]
    ](*sys.argv[2:])
