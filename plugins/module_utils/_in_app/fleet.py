# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples the control plane and the queues of a fleet, several times over one connection, within one time limit.

Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

import re
import time

from ansible_collections.taskfleet.celery.plugins.module_utils._common.brokers import transport_of
from ansible_collections.taskfleet.celery.plugins.module_utils._common.packing import each_once, pack
from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import Clock, sentence
from ansible_collections.taskfleet.celery.plugins.module_utils._common.urls import split_urls
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.app import application, failure
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.backend import check_backend
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.broker import (
    KINDS,
    exchanges_of,
    transport_options,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.connection import (
    BLOCKED,
    Blocked,
    broker_urls,
    first_broker,
    lost,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.conversation import conversation
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.inspect import pids, shares_mailboxes

# The time that the broker's first answer, and any single one after it, may take.
REACH = 5.0
# The part of a sample's time that is kept for the queues.
QUEUES = 0.25
# Seconds for the result backend, and for the search for keys.
BACKEND, SEARCH = 2.0, 0.5
# What the replies are called that workers send to probes (kombu's pidbox).
REPLY_KEYS = "*.reply.celery.pidbox"
# Queues that belong to one process: remote control, task events, broadcasts (kombu.common.Broadcast), and what is sent to one
# worker (celery.utils.nodenames.worker_direct).
OWN = re.compile(r".*\.pidbox\Z|celeryev(\.|\Z)|bcast\.|.*\.dq2\Z")
# How Celery's JSON begins a result that is a failure.
FAILURE = b'{"status": "FAILURE"'
# What judging takes of a reply to stats. Of an error, all.
STATS = ("pid", "pool", "prefetch_count", "total", "error")
# RabbitMQ does not tell a client which of them it is.
ALARM = "memory or disk"


def main(arguments, tell):
    """Report broker, control and queues, which are lists of samples, and facts; or return the problem."""
    clock = Clock(arguments["deadline"] - time.monotonic())
    try:
        app = application(arguments)
        urls = split_urls(arguments["broker_url"]) or broker_urls(app.conf)
        first = Clock(min(REACH, clock.left()))
        app.conf.broker_transport_options = transport_options(app, urls, {}, first)
        exchanges = exchanges_of(app) if arguments["app"] else {}
    except BaseException as error:
        return {"problem": failure(error)["error"]}
    broker, connection = first_broker(app, urls, first.left(), keep=True)
    tell(broker=broker, control=[], queues=[], facts={})
    if not broker["reachable"]:
        tell.more(control=seen(broker))
        # A second look, so that a broker that is being restarted is not taken for one that is gone.
        tell.more(control=again(app, urls, clock))
        return {}
    fleet = Inquiry(app, connection, broker, exchanges, arguments)
    gone = False
    for number in range(arguments["samples"]):
        begun = time.monotonic()
        if gone:
            tell.more(control=again(app, urls, clock))
            continue
        rest = arguments["samples"] - number
        share = Clock((clock.left() - arguments["interval"] * (rest - 1)) / rest if rest > 1 else clock.left())
        control = fleet.control(share, number == 0)
        tell.more(control=control, queues=fleet.look(share))
        gone = not control["broker"]["reachable"]
        if number == 0 and not gone:
            tell(facts=fleet.facts(clock))
        if rest > 1:
            time.sleep(max(begun + arguments["interval"] - time.monotonic(), 0))
    return {}


def seen(broker):
    """Return a sample in which no worker could be asked."""
    return {"at": time.time(), "broker": broker, "replies": [], "bodies": [], "pids": [], "asked": False, "methods": []}


def again(app, urls, clock):
    """Return a sample of the broker alone."""
    return seen(first_broker(app, urls, max(min(REACH, clock.left()), 0.1))[0])


class Inquiry:
    """The workers and the queues behind one connection."""

    def __init__(self, app, connection, broker, exchanges, arguments):
        self.app = app
        self.connection = connection
        self.broker = broker
        self.arguments = arguments
        self.names = sorted({*arguments["queues"], *exchanges})
        self.queues = None
        kind = transport_of(broker["transport"])
        if kind in KINDS:
            self.queues = KINDS[kind](connection, exchanges)
        self.search = arguments["search"] and self.queues is not None and self.queues.kind == "redis"
        self.alarms = []

    def failed(self, error):
        """Return what an error says about the broker."""
        return dict(self.broker, **lost(self.connection, error))

    def control(self, share, is_first):
        """Return one sample of the control plane."""
        if self.alarms:
            return seen(dict(self.broker, error=BLOCKED))
        commands = self.arguments["commands"]
        chosen = commands if is_first else [one for one in commands if one[0] not in self.arguments["once"]]
        sample = seen(dict(self.broker))
        replies = []
        sample.update(asked=True, methods=[method for method, _parameters in chosen])
        patience = share.left() * (1 - QUEUES)
        hush = min(self.arguments["hush"], patience)
        try:
            with conversation(self.app, self.connection, share) as ask:
                awaited = self.arguments["awaited"]
                ask(chosen, [], awaited, 1.0, replies, end=patience, hush=hush)
                sample["pids"] = pids(ask, replies, shares_mailboxes(self.app, self.connection))
        except Blocked:
            self.alarms.append(ALARM)
            sample["broker"]["error"] = BLOCKED
        except Exception as error:
            sample["broker"] = self.failed(error)
        trimmed = each_once(lean)
        sample.update(pack([method, node, trimmed(method, reply)] for method, node, reply in replies))
        return sample

    def look(self, share):
        """Return one sample of the queues."""
        sample = {"at": time.time(), "broker": dict(self.broker), "queues": {}, "clients": None}
        # Over a connection that RabbitMQ does not read, the question would wait for ever.
        if self.queues is None or self.alarms:
            return sample
        try:
            if self.search:
                self.names = with_others(self.names, self.queues.all_bound(SEARCH))
                self.search = False
            sample.update(self.queues.info(self.names, Clock(max(share.left(), 1.0))))
        except Blocked:
            self.alarms.append(ALARM)
        except Exception as error:
            sample["broker"] = self.failed(error)
        return sample

    def facts(self, clock):
        """Return what else can be learned; each on its own, for none is worth a failure."""
        facts = {}
        if self.alarms:
            facts["alarms"] = list(self.alarms)
        if self.arguments["app"]:
            backend = check_backend(self.app, self.broker, min(BACKEND, clock.left()))
            facts["result_backend"] = {key: backend[key] for key in ("reachable", "error")}
            if backend["type"] in ("redis", "rediss", "sentinel") and backend["reachable"]:
                facts["failures"] = {"count": failures(self.app.backend, min(SEARCH, clock.left()))}
        if self.queues is not None and self.queues.kind == "redis":
            try:
                facts.update(self.redis_facts(clock))
            except Exception as error:
                facts["problem"] = sentence(error)
        return facts

    def redis_facts(self, clock):
        """Return what Redis reports of itself, and how many replies nobody reads."""
        info = self.queues.client.info()
        facts = {
            "eviction_policy": info.get("maxmemory_policy"),
            "uptime": info.get("uptime_in_seconds"),
            "visibility_timeout": self.connection.default_channel.visibility_timeout,
        }
        end = time.monotonic() + min(SEARCH, clock.left())
        count, cursor = 0, None
        while cursor != 0 and time.monotonic() < end:
            cursor, keys = self.queues.client.scan(cursor or 0, match=REPLY_KEYS, count=1000)
            count += len(keys)
        # Of a search that the time ended, a small number says nothing.
        facts["orphan_reply_keys"] = count
        return facts


def lean(method, reply):
    """Return of a reply what judging takes: of a thousand workers, the rest is most of what would be carried."""
    if method == "stats" and isinstance(reply, dict):
        return {key: reply[key] for key in STATS if key in reply}
    if method == "active_queues" and isinstance(reply, list):
        return [
            {key: queue[key] for key in ("name", "alias") if queue.get(key)} if isinstance(queue, dict) else queue
            for queue in reply
        ]
    return reply


def with_others(names, bound):
    """Return the names with those of the queues that somebody else made, if there was the time to find them."""
    return sorted({*names, *(name for name in bound or () if name and not OWN.match(name))})


def failures(backend, seconds):
    """Return how many results of tasks are failures: of many results, those that the time was enough for."""
    end = time.monotonic() + seconds
    prefix = backend.task_keyprefix.decode() if isinstance(backend.task_keyprefix, bytes) else backend.task_keyprefix
    count, cursor = 0, None
    while cursor != 0 and time.monotonic() < end:
        cursor, keys = backend.client.scan(cursor or 0, match=prefix + "*", count=1000)
        pipeline = backend.client.pipeline(transaction=False)
        for key in keys:
            pipeline.getrange(key, 0, len(FAILURE) - 1)
        count += pipeline.execute().count(FAILURE)
    return count
