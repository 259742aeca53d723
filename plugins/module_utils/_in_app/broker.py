# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opens the broker that an application, or a URL, leads to, and the queues on it.

Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

import time

from ansible_collections.taskfleet.celery.plugins.module_utils._common.brokers import transport_of
from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import Clock
from ansible_collections.taskfleet.celery.plugins.module_utils._common.urls import split_urls
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.app import application, failure, settings
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.connection import (
    broker_urls,
    first_broker,
    lost,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.amqp import AmqpQueues
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.base import Refusal
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.redis import RedisQueues

# The time that the broker's first answer may take.
REACH = 5.0
KINDS = {"redis": RedisQueues, "sentinel": RedisQueues, "amqp": AmqpQueues}


def with_queues(arguments, tell, work):
    """Return what work(queues, names, clock) returns, with broker; or problem, or the broker that failed."""
    clock = Clock(arguments["deadline"] - time.monotonic())
    try:
        app = application(arguments)
        urls = split_urls(arguments["broker_url"]) or broker_urls(app.conf)
        app.conf.broker_transport_options = transport_options(app, urls, arguments["transport_options"], clock)
        exchanges = exchanges_of(app) if arguments["app"] else {}
    except BaseException as error:
        return {"problem": failure(error)["error"], "kind": "application"}
    broker, connection = first_broker(app, urls, min(REACH, clock.left()), keep=True)
    tell(broker=broker)
    if not broker["reachable"]:
        return {}
    kind = transport_of(broker["transport"])
    if kind not in KINDS:
        text = "the queues of the transport {0} cannot be looked into; expected redis, sentinel or amqp"
        return {"problem": text.format(broker["transport"]), "kind": "transport"}
    try:
        queues = KINDS[kind](connection, exchanges)
        queues.url = broker["url"]
        return dict(work(queues, arguments["queues"] or sorted(exchanges), clock), broker=broker)
    except Refusal as refused:
        return {"problem": str(refused), "kind": "refused"}
    except Exception as error:
        return {"broker": dict(broker, **lost(connection, error))}


def transport_options(app, urls, given, clock):
    """Return the application's transport options with the given ones over them, and with a limit on every wait."""
    options = dict(app.conf.broker_transport_options or {}, **given)
    if transport_of(urls[0].partition("://")[0]) == "amqp":
        # Transactions and confirms exclude each other on a channel, and the transactions say the same.
        return dict(options, confirm_publish=False, read_timeout=clock.left(), write_timeout=clock.left())
    for name in ("socket_timeout", "socket_connect_timeout"):
        options[name] = min(float(options.get(name) or clock.left()), clock.left())
    return options


def exchanges_of(app):
    """Return by queue that the application names its exchange."""
    app.loader.import_default_modules()
    names = settings(app)["queues"]
    return {name: exchange_of(app.amqp.queues, name) for name in names}


def exchange_of(queues, name):
    """Return the exchange's name of a queue, known or made up the way Celery would."""
    exchange = queues[name].exchange if name in queues else None
    return exchange.name if exchange is not None else name
