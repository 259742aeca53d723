# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The queues of kombu's transport for Redis: one list for each priority, and what workers have taken.

Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

import json
import re
import time

from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.base import RESERVE, unknown_queue

# How many purges of one queue may have been interrupted before one has to be finished.
SLOTS = 8
NO_CONSUMERS = "the client list of Redis does not say which queues a client waits for; see clients"
NO_AGE = "no message of the queue bears the time at which it was sent, and none is unacknowledged"
# Seconds that the search for a binding may take; another database on the server may hold millions of keys.
SEARCH = 1.0


class RedisQueues:
    """The queues on one Redis, with the key prefix, the priority steps and the separator of the transport options."""

    kind = "redis"

    def __init__(self, connection, exchanges):
        import redis

        channel = connection.channel()
        # Not kombu's client: that adds the key prefix to some commands and to others not.
        self.client = redis.Redis(connection_pool=channel.pool)
        self.prefix = channel.global_keyprefix or ""
        self.separator = channel.sep
        self.steps = sorted(set(channel.priority_steps))
        self.unacked_key = self.prefix + channel.unacked_key
        self.unacked_index = self.prefix + channel.unacked_index_key
        self.binding = self.prefix + channel.keyprefix_queue
        self.database = int(channel.pool.connection_kwargs.get("db") or 0)
        self.exchanges = exchanges
        self._bindings = {}

    # -- Names

    def list_name(self, queue, step):
        """Return the name of the list of one priority, without the key prefix."""
        return "{0}{1}{2}".format(queue, self.separator, step) if step else queue

    def lists(self, queue):
        """Return the names of the lists of a queue by priority."""
        return {step: self.list_name(queue, step) for step in self.steps}

    def slot(self, name, number):
        """Return the key under which a purge sets a list aside; the purge of a crashed run is found by its name."""
        return "{0}_taskfleet.purge.{1}.{2}".format(self.prefix, name, number)

    # -- A look

    def info(self, names, clock):
        """Return queues, clients, unacked and unattributed."""
        counts, heads, (seconds, _micro) = self.counts(names)
        held = self.held(names)
        unacked = self.unacked(seconds, clock)
        clients, refused = self.clients()
        consumers = None if refused or clients else 0
        queues = {}
        for name in names:
            found = queue_info(counts[name], held[name])
            found["consumers"] = consumers
            if consumers is None:
                found["unknown"]["consumers"] = refused or NO_CONSUMERS
            if unacked["problem"]:
                found["unknown"]["unacked"] = unacked["problem"]
            else:
                found["unacked"] = unacked["count"].get(name, 0)
            found.update(oldest(unacked["age"].get(name), head_age(heads[name], seconds)))
            if found["oldest_age"] is None:
                found["unknown"]["oldest_age"] = unacked["problem"] or NO_AGE
            queues[name] = found
        self.judge_existence(queues, clock)
        return {
            "queues": queues,
            "clients": clients,
            "unacked": unacked["total"],
            "unattributed": unacked["unattributed"],
        }

    def counts(self, names):
        """Return by queue and priority the length, or the error, of its list; the heads; the server's time."""
        # Not a transaction, here and below: a Redis that is full refuses to queue even what only reads.
        wanted = [(name, step, key) for name in names for step, key in self.lists(name).items()]
        pipe = self.client.pipeline(transaction=False)
        pipe.time()
        for _name, _step, key in wanted:
            pipe.llen(self.prefix + key)
            pipe.lindex(self.prefix + key, -1)
        now, *replies = pipe.execute(raise_on_error=False)
        if isinstance(now, Exception):
            raise now
        counts, heads = {}, {}
        for number, (name, step, _key) in enumerate(wanted):
            length, head = replies[2 * number : 2 * number + 2]
            counts.setdefault(name, {})[step] = length
            heads.setdefault(name, []).append(head)
        return counts, heads, now

    def held(self, names):
        """Return by queue how many messages purges that were interrupted have set aside."""
        slots = [
            (name, self.slot(key, number))
            for name in names
            for key in self.lists(name).values()
            for number in range(1, SLOTS + 1)
        ]
        pipe = self.client.pipeline(transaction=False)
        for _name, slot in slots:
            pipe.llen(slot)
        total = dict.fromkeys(names, 0)
        for (name, _slot), length in zip(slots, pipe.execute()):
            total[name] += length
        return total

    def unacked(self, now, clock):
        """Return what workers have taken and not acknowledged: by queue the number and the age of the oldest."""
        result = {"count": {}, "age": {}, "total": None, "unattributed": None, "problem": ""}
        pipe = self.client.pipeline(transaction=False)
        pipe.hlen(self.unacked_key)
        pipe.zrange(self.unacked_index, 0, -1, withscores=True)
        total, index = pipe.execute()
        result["total"], result["unattributed"] = total, 0
        taken_at = dict(index)
        if not total:
            return result
        for tag, payload in self.client.hscan_iter(self.unacked_key, count=200):
            if clock.left() < RESERVE:
                result["problem"] = "there was no time to look at all {0} unacknowledged messages".format(total)
                result["unattributed"] = None
                return result
            name = self.queue_of(payload)
            if name is None:
                result["unattributed"] += 1
                continue
            result["count"][name] = result["count"].get(name, 0) + 1
            if tag in taken_at:
                result["age"][name] = max(result["age"].get(name, 0), age(now, taken_at[tag]))
        return result

    def queue_of(self, payload):
        """Return the queue that an unacknowledged message was taken from, or None."""
        try:
            _message, exchange, routing_key = json.loads(payload.decode("utf-8"))
        except (ValueError, TypeError):
            return None
        if not exchange:
            return routing_key
        names = routed(self.bindings(exchange), routing_key or "")
        return names.pop() if len(names) == 1 else None

    def bindings(self, exchange):
        """Return the bindings of an exchange: routing key, pattern, queue."""
        if exchange not in self._bindings:
            members = self.client.smembers(self.binding % exchange)
            parts = [member.decode("utf-8", "replace").split(self.separator) for member in members]
            self._bindings[exchange] = [part for part in parts if len(part) == 3]
        return self._bindings[exchange]

    def clients(self):
        """Return the clients that wait for messages or did so last, and why that cannot be known."""
        import redis

        try:
            listed = self.client.client_list()
        except redis.ResponseError as error:
            return [], "Redis refuses the client list: {0}".format(error)
        return consumers_in(listed, self.database), ""

    def judge_existence(self, queues, clock):
        """Find out of empty queues whether they exist: a list of Redis that is empty is not there."""
        unknown = {name for name, queue in queues.items() if queue["exists"] is None and not queue["error"]}
        absent = self.absent({name for name in unknown if not queues[name]["unacked"]}, clock)
        for name in unknown:
            queue = queues[name]
            if absent is None:
                queue["unknown"]["exists"] = "there was no time to look through all keys for a binding"
            else:
                queue["exists"] = name not in absent
            if queue["exists"] is False:
                queue.update(unknown_queue(), exists=False)

    def absent(self, names, clock):
        """Return those of the queues that no exchange leads to, or None when there was no time to find out."""

        def is_bound(name):
            likely = {self.exchanges.get(name, name), name, "celery"}
            return any(name == entry[2] for one in likely for entry in self.bindings(one))

        unbound = {name for name in names if not is_bound(name)}
        if not unbound:
            return unbound
        bound = self.all_bound(min(SEARCH, clock.left() - RESERVE))
        return None if bound is None else unbound - bound

    def all_bound(self, seconds):
        """Return the names of all queues that any exchange leads to, or None when it ran out of time."""
        end = time.monotonic() + seconds
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", self.binding % "") + "*"
        bound, cursor = set(), 0
        while time.monotonic() < end:
            cursor, keys = self.client.scan(cursor, match=pattern, count=1000)
            for key in keys:
                exchange = key.decode("utf-8", "replace")[len(self.binding % "") :]
                bound.update(entry[2] for entry in self.bindings(exchange))
            if cursor == 0:
                return bound
        return None


def queue_info(counts, held):
    """Return what the lengths of a queue's lists say; an error is no number."""
    queue = unknown_queue()
    errors = [length for length in counts.values() if isinstance(length, Exception)]
    if errors:
        queue["error"] = str(errors[0])
        return queue
    queue["by_priority"] = {str(step): length for step, length in counts.items()}
    queue["ready"] = sum(counts.values())
    queue["held"] = held
    if queue["ready"] or queue["held"]:
        queue["exists"] = True
    return queue


def routed(bindings, routing_key):
    """Return the queues that a routing key leads to."""
    exact = {queue for key, _pattern, queue in bindings if key == routing_key}
    return exact or {queue for _key, pattern, queue in bindings if pattern and pattern_matches(pattern, routing_key)}


def pattern_matches(pattern, routing_key):
    """Return whether a topic's pattern, which kombu keeps as a regular expression, fits."""
    try:
        return bool(re.match(pattern, routing_key))
    except re.error:
        return False


def age(now, then):
    """Return seconds between two clocks that need not be one."""
    return max(int(now - then), 0)


def head_age(heads, now):
    """Return the age of the oldest of the next messages that say when they were sent, or None."""
    ages = [age(now, sent) for sent in map(sent_at, heads) if sent]
    return max(ages) if ages else None


def sent_at(raw):
    """Return the timestamp that a message bears, or None. Celery sets none by itself."""
    try:
        sent = json.loads(raw.decode("utf-8"))["properties"].get("timestamp")
    except (AttributeError, ValueError, KeyError, TypeError):
        return None
    return sent if isinstance(sent, (int, float)) and not isinstance(sent, bool) else None


def oldest(unacked, ready):
    """Return the age of the oldest message whose age is known, and what it is."""
    known = [(seconds, what) for seconds, what in ((unacked, "unacked"), (ready, "ready")) if seconds is not None]
    seconds, what = max(known) if known else (None, None)
    return {"oldest_age": seconds, "oldest_age_of": what}


def consumers_in(listed, database):
    """Return from a client list those whose last command waits for messages in this database."""
    found = [
        {
            "name": client.get("name", ""),
            "address": client.get("addr", ""),
            "idle": int(client.get("idle", 0)),
            "blocked": "b" in client.get("flags", ""),
        }
        for client in listed
        if client.get("cmd") == "brpop" and int(client.get("db", 0)) == database
    ]
    return sorted(found, key=lambda client: (client["name"], client["address"]))


def described(raw):
    """Return what a reader of a dump wants to know of a message; what goes back is the message itself."""
    try:
        message = json.loads(raw.decode("utf-8"))
        headers, properties = message["headers"], message["properties"]
        delivery = properties["delivery_info"]
        description = {name: headers.get(name) for name in ("id", "task", "eta")}
        description.update({name: delivery.get(name) for name in ("exchange", "routing_key")})
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}
    return description
