# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection to a broker: made by the application's own client, and what it says of the broker.

Runs inside the application's Python, and beside it where only a URL is read. Private to the collection.
"""

from __future__ import annotations

import importlib
from urllib.parse import parse_qsl, unquote, urlsplit

from ansible_collections.taskfleet.celery.plugins.module_utils._common.brokers import transport_of
from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import (
    DEFAULT_PORTS,
    Clock,
    PeerError,
    answer,
    ask,
    bounded,
    check_amqp,
    check_redis,
    connect,
    layer_of,
    master_of,
    sentence,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import MASK, mask
from ansible_collections.taskfleet.celery.plugins.module_utils._common.urls import UNREADABLE, is_readable, split_urls

# What RabbitMQ tells a connection that has published while it is short of memory or of disk: it reads no more of it.
BLOCKED = "the broker blocks who publishes: it is short of memory or of disk"


class Blocked(PeerError, OSError):
    """RabbitMQ reads no more of this connection: each further question would wait for ever. To kombu, a lost connection."""

    def __init__(self):
        super().__init__("protocol", BLOCKED)


def lost(connection, error):
    """Return what an error in the middle says about the broker."""
    answers = isinstance(error, Blocked) or not isinstance(error, connection.connection_errors)
    return answer(answers, layer_of(error), sentence(error))


def tls_options(*sources):
    """Return the first TLS settings that are on as a dict, or None."""
    for source in sources:
        if isinstance(source, dict) and source:
            return source
        if source:
            return {}
    return None


def check_broker(connection, seconds, keep=False):
    """Return reachable, layer and error of the broker that a kombu connection leads to.

    With keep it is the connection itself that is connected, and stays so.
    """
    clock = Clock(seconds)
    scheme = connection.transport_cls if isinstance(connection.transport_cls, str) else ""
    kind = transport_of(scheme)
    host, port = connection.hostname or "localhost", connection.port
    tls = tls_options(connection.ssl, scheme in ("rediss", "amqps"))

    def login(limit):
        bounded(lambda: client_connect(connection, keep), limit, "protocol", "broker")

    if kind == "amqp":
        # RabbitMQ's log gets a warning for each connection that ends before the login, so the steps come after it.
        reply = ask([lambda: login(clock.left() / 2)])
        if reply["reachable"] or reply["layer"] in ("auth", "client", "setting"):
            return reply
        port = port or DEFAULT_PORTS["amqps" if tls is not None else "amqp"]
        steps = ask([lambda: check_amqp(host, port, clock, tls)])
        return reply if steps["reachable"] else steps
    steps = []
    if kind == "redis":
        port = port or DEFAULT_PORTS["redis"]
        user, password, database = connection.userid, connection.password, _database(connection.virtual_host)
        if host.startswith("socket://"):
            steps.append(lambda: check_redis(None, None, clock, **socket_of(host, database)))
        else:
            steps.append(lambda: check_redis(host, port, clock, user, password, database, tls))
    elif kind == "sentinel":
        steps.append(lambda: _check_master(connection, host, port, clock, tls))
    elif connection.hostname and connection.port:
        steps.append(lambda: connect(host, port, clock).close())
    return ask([*steps, lambda: login(clock.left())])


def socket_of(url, database):
    """Return path, user name, password and database of socket://, which is what kombu calls the host of redis+socket://."""
    parts = urlsplit(url)
    database = _database(dict(parse_qsl(parts.query)).get("virtual_host", database))
    user, password = (unquote(text) if text else None for text in (parts.username, parts.password))
    return {"path": unquote(parts.path), "username": user, "password": password, "database": database}


def _check_master(connection, host, port, clock, tls):
    options = connection.transport_options
    given = options.get("sentinel_kwargs") or {}
    # How a connection of the application's own making gets through is not known here.
    if "connection_class" in given:
        return
    setting = "the application's broker_transport_options"
    _sentinel, place = master_of([(host, port)], options.get("master_name"), clock, setting, given)
    database = _database(connection.virtual_host)
    check_redis(*place, clock, connection.userid, connection.password, database, tls)


def client_connect(connection, keep=False):
    """Let the application's own client log in, once."""
    if keep:
        connection.connect()
        return
    with connection.clone() as attempt:
        attempt.connect()
        attempt.channel().close()


def proposed_heartbeat(connection, seconds):
    """Return the seconds between two heartbeats that RabbitMQ proposes, None where it does not say so in time."""

    def asked():
        with connection.clone() as attempt:
            attempt.connect()
            return attempt.connection.server_heartbeat

    try:
        return bounded(asked, seconds, "protocol", "broker")
    except Exception:
        return None


def _database(virtual_host):
    text = str(virtual_host or "0").strip("/")
    return int(text) if text.isdigit() else 0


def broker_urls(conf):
    """Return the broker's URLs, of which the first is tried first."""
    return split_urls(conf.broker_write_url or conf.broker_url) or ["amqp://"]


def first_broker(app, urls, seconds, keep=False):
    """Return the first broker that answers, or the last that does not, and the connection to it.

    The broker is url, transport, reachable, layer and error, the error that of the ones before it. With keep the
    connection is connected.
    """
    if not is_readable(urls, is_list=True):
        scheme = urls[0].partition("://")[0]
        return dict(answer(False, "url", UNREADABLE), url=scheme + "://" + MASK, transport=scheme), None
    problems = []
    for url in urls:
        connection = None
        broker = {"url": mask(url), "transport": url.partition("://")[0]}
        try:
            if broker["transport"].startswith("redis"):
                # kombu hides why the library does not import.
                importlib.import_module("redis")
            connection = app.connection_for_write(url)
            broker["transport"] = str(connection.transport_cls)
            tried = check_broker(connection, seconds / len(urls), keep)
        except Exception as error:
            layer = layer_of(error)
            tried = answer(False, layer if layer == "setting" else "client", sentence(error))
        if tried["reachable"]:
            break
        problems.append("{0}: {1}".format(broker["url"], tried["error"]) if len(urls) > 1 else tried["error"])
    return dict(broker, **dict(tried, error="; ".join(problems))), connection
