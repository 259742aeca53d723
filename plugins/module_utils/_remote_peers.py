# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks a broker or a result backend step by step whether it answers: name, TCP, TLS, login, protocol.

Runs inside the application's Python, where the standard library does the first steps and the application's own
client the last one. Private to the collection.
"""

from __future__ import annotations

import importlib
import os
import queue
import re
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

from ansible_collections.taskfleet.celery.plugins.module_utils._secrets import mask

# How far a check came. A peer that answers is at "ok"; "client" is the application's own library refusing to work.
LAYERS = ("dns", "tcp", "tls", "auth", "protocol", "client", "ok", "none", "unknown")

DEFAULT_PORTS = {"redis": 6379, "amqp": 5672, "amqps": 5671}

_AUTH_WORDS = (
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
    "invalid password",
    "invalid username-password",
    "AUTH <password> called without",
    "Client sent AUTH",
    "ACCESS_REFUSED",
    "access to vhost",
    "NOT_ALLOWED",
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "Access denied",
    "authentication failed",
)
_CLIENT_WORDS = ("VersionMismatch", "ImportError", "ModuleNotFoundError", "No module named", "Missing redis library")


class PeerError(Exception):
    """A step that failed, and at which layer."""

    def __init__(self, layer, text):
        super().__init__(text)
        self.layer = layer


# What RabbitMQ tells a connection that has published while it is short of memory or of disk: it reads no more of it.
BLOCKED = "the broker blocks who publishes: it is short of memory or of disk"


class Blocked(OSError):
    """RabbitMQ reads no more of this connection: each further question would wait for ever. To kombu, a lost connection."""


def answer(reachable, layer, error=""):
    """Return the part of an answer that all peers share."""
    return {"reachable": reachable, "layer": layer, "error": mask(str(error))}


def bounded(call, seconds, layer, what):
    """Return what the call returns; a call that does not come back in time fails at the layer."""
    done = queue.Queue()

    def work():
        try:
            done.put((call(), None))
        except Exception as error:
            done.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        result, error = done.get(timeout=max(seconds, 0.01))
    except queue.Empty:
        raise PeerError(layer, "{0}: no answer within {1:.1f} s".format(what, seconds)) from None
    if error is not None:
        raise error
    return result


def layer_of(error):
    """Return the layer that an error of a client library is about, seen after TCP was proven."""
    text = "{0}: {1}".format(type(error).__name__, error)
    if isinstance(error, PeerError):
        return error.layer
    if isinstance(error, ImportError) or any(word in text for word in _CLIENT_WORDS):
        return "client"
    if isinstance(error, socket.gaierror):
        return "dns"
    if isinstance(error, ssl.SSLError):
        return "tls"
    if any(word.lower() in text.lower() for word in _AUTH_WORDS):
        return "auth"
    return "protocol"


def sentence(error):
    """Return an error of a client library as one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, (PeerError, Blocked)) else "{0}: {1}".format(type(error).__name__, text)


def lost(connection, error):
    """Return what an error in the middle says about the broker."""
    answers = isinstance(error, Blocked) or not isinstance(error, connection.connection_errors)
    return answer(answers, layer_of(error), sentence(error))


class Clock:
    """What is left of a number of seconds."""

    def __init__(self, seconds):
        self.deadline = time.monotonic() + seconds

    def left(self):
        return max(self.deadline - time.monotonic(), 0.05)


def resolve(host, port, clock):
    """Return the addresses of a name, or raise PeerError."""
    try:
        return bounded(
            lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), clock.left(), "dns", "name " + host
        )
    except OSError as error:
        raise PeerError("dns", "the name {0} does not resolve: {1}".format(host, error.strerror or error)) from None


def connect(host, port, clock, tls=None):
    """Return a connected socket, or raise PeerError naming the layer."""
    what = "{0}:{1}".format(host, port)
    addresses = resolve(host, port, clock)
    problem = None
    for family, kind, protocol, _name, address in addresses:
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(clock.left() / 2)
        try:
            sock.connect(address)
            break
        except OSError as error:
            sock.close()
            problem = problem or error
    else:
        raise PeerError("tcp", "no connection to {0}: {1}".format(what, getattr(problem, "strerror", 0) or problem))
    sock.settimeout(clock.left())
    return wrap(sock, host, tls, what) if tls is not None else sock


def wrap(sock, host, tls, what):
    """Return the socket with TLS on it; tls has the names that redis-py and py-amqp use."""
    options = {name.replace("ssl_", ""): value for name, value in tls.items()}
    needed = options.get("cert_reqs", ssl.CERT_REQUIRED)
    names = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
    if isinstance(needed, str):
        needed = names.get(needed.lower().replace("cert_", ""), ssl.CERT_REQUIRED)
    try:
        context = ssl.create_default_context(cafile=options.get("ca_certs"))
        context.check_hostname = bool(options.get("check_hostname", needed == ssl.CERT_REQUIRED))
        context.verify_mode = needed
        if options.get("certfile"):
            context.load_cert_chain(options["certfile"], options.get("keyfile"))
        return context.wrap_socket(sock, server_hostname=options.get("server_hostname") or host)
    except (OSError, ValueError) as error:
        sock.close()
        raise PeerError("tls", "no TLS with {0}: {1}".format(what, " ".join(str(error).split()))) from None


# -- Redis


def redis_command(*words):
    """Return a command in the protocol of Redis."""
    parts = [str(word).encode("utf-8") for word in words]
    lines = [b"*%d" % len(parts)]
    for part in parts:
        lines += [b"$%d" % len(part), part]
    return b"\r\n".join(lines) + b"\r\n"


def redis_layer(line):
    """Return layer and text of a line that is an error of Redis, or None for any other answer of Redis."""
    text = line.decode("utf-8", "replace").strip()
    if text.startswith("-"):
        text = text[1:]
        return ("auth" if any(word in text for word in _AUTH_WORDS) else "protocol"), text
    if not text.startswith(("+", ":", "$", "*")):
        return "protocol", "not the protocol of Redis: {0!r}".format(text[:60])
    return None


def redis_login(sock, username=None, password=None, database=0):
    """Log in, choose the database and ping, or raise PeerError."""
    dialogue = []
    if password:
        dialogue.append(("AUTH", username, password) if username else ("AUTH", password))
    if database not in (None, "", 0, "0"):
        dialogue.append(("SELECT", database))
    dialogue.append(("PING",))
    stream = sock.makefile("rb")
    for words in dialogue:
        try:
            sock.sendall(redis_command(*words))
            line = stream.readline(512)
        except OSError as error:
            raise PeerError("protocol", "no answer to {0}: {1}".format(words[0], error)) from None
        if not line:
            raise PeerError("protocol", "the connection was closed at {0}; does the server want TLS?".format(words[0]))
        refused = redis_layer(line)
        if refused:
            hint = "; the URL has no password" if refused[0] == "auth" and not password else ""
            raise PeerError(refused[0], "Redis refuses {0}: {1}{2}".format(words[0], refused[1], hint))


def check_redis(host, port, clock, username=None, password=None, database=0, tls=None, path=None):
    """Prove that a Redis answers, or raise PeerError."""
    if path:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(clock.left())
        try:
            sock.connect(path)
        except OSError as error:
            sock.close()
            text = "no connection to the socket {0}: {1}".format(path, error.strerror or error)
            raise PeerError("tcp", text) from None
    else:
        sock = connect(host, port, clock, tls)
    with sock:
        redis_login(sock, username, password, database)


# -- AMQP and the rest


def check_amqp(host, port, clock, tls=None):
    """Prove that something speaks AMQP 0-9-1 there, or raise PeerError; the login is left to the client."""
    with connect(host, port, clock, tls) as sock:
        try:
            sock.sendall(b"AMQP\x00\x00\x09\x01")
            first = sock.recv(8)
        except OSError as error:
            raise PeerError("protocol", "no answer to the greeting of AMQP: {0}".format(error)) from None
    if not first:
        raise PeerError("protocol", "the connection was closed at the greeting; does the server want TLS?")
    if first[:1] != b"\x01":
        raise PeerError("protocol", "not AMQP 0-9-1: the server begins with {0!r}".format(first))


def check_memcached(host, port, clock):
    """Prove that a memcached answers, or raise PeerError."""
    with connect(host, port, clock) as sock:
        try:
            sock.sendall(b"version\r\n")
            first = sock.recv(64)
        except OSError as error:
            raise PeerError("protocol", "no answer to version: {0}".format(error)) from None
    if not first.startswith(b"VERSION"):
        raise PeerError("protocol", "not memcached: the server answers {0!r}".format(first[:40]))


def check_sqlite(path):
    """Prove that a database file can be used, without creating it, or raise PeerError."""
    if not path or path == ":memory:":
        return
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.exists(path):
        if not os.access(path, os.R_OK | os.W_OK):
            raise PeerError("auth", "the database file {0} is not readable and writable".format(path))
    elif not os.access(folder, os.W_OK | os.X_OK):
        raise PeerError("auth", "the database file {0} is missing, and {1} is not writable".format(path, folder))


def ask(steps):
    """Run the steps in turn, and return reachable, layer and error of the first that fails."""
    try:
        for step in steps:
            step()
    except Exception as error:
        return answer(False, layer_of(error), sentence(error))
    return answer(True, "ok")


# -- What celery's connections and backends say about their peer


def split_urls(value):
    """Return the URLs of a broker setting, which may be a list, or one text with semicolons."""
    urls = value if isinstance(value, (list, tuple)) else str(value or "").split(";")
    return [url.strip() for url in urls if url and url.strip()]


def tls_options(*sources):
    """Return the first TLS settings that are on as a dict, or None."""
    for source in sources:
        if isinstance(source, dict) and source:
            return source
        if source:
            return {}
    return None


def kind_of(scheme):
    """Return the transport that a URL's scheme means, without driver and TLS."""
    scheme = re.split(r"[+:]", scheme or "", maxsplit=1)[0].lower()
    return {"rediss": "redis", "valkey": "redis", "valkeys": "redis", "amqps": "amqp", "pyamqp": "amqp"}.get(
        scheme, scheme
    )


def check_broker(connection, seconds, keep=False):
    """Return reachable, layer and error of the broker that a kombu connection leads to.

    With keep it is the connection itself that is connected, and stays so.
    """
    clock = Clock(seconds)
    scheme = connection.transport_cls if isinstance(connection.transport_cls, str) else ""
    kind = kind_of(scheme)
    host, port = connection.hostname or "localhost", connection.port
    tls = tls_options(connection.ssl, scheme in ("rediss", "amqps"))

    def login(limit):
        bounded(lambda: client_connect(connection, keep), limit, "protocol", "broker")

    if kind == "amqp":
        # RabbitMQ's log gets a warning for each connection that ends before the login, so the steps come after it.
        told = ask([lambda: login(clock.left() / 2)])
        if told["reachable"] or told["layer"] in ("auth", "client"):
            return told
        port = port or DEFAULT_PORTS["amqps" if tls is not None else "amqp"]
        steps = ask([lambda: check_amqp(host, port, clock, tls)])
        return told if steps["reachable"] else steps
    steps = []
    if kind == "redis":
        port = port or DEFAULT_PORTS["redis"]
        path = host if host.startswith("/") else None
        user, password, database = connection.userid, connection.password, _database(connection.virtual_host)
        steps.append(lambda: check_redis(host, port, clock, user, password, database, tls, path))
    elif connection.hostname and connection.port:
        steps.append(lambda: connect(host, port, clock).close())
    return ask([*steps, lambda: login(clock.left())])


def client_connect(connection, keep=False):
    """Let the application's own client log in, once."""
    if keep:
        connection.connect()
        return
    with connection.clone() as attempt:
        attempt.connect()
        attempt.channel().close()


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
    problems = []
    for url in urls:
        connection = None
        told = {"url": mask(url), "transport": url.partition("://")[0]}
        try:
            if told["transport"].startswith("redis"):
                # kombu hides why the library does not import.
                importlib.import_module("redis")
            connection = app.connection_for_write(url)
            told["transport"] = str(connection.transport_cls)
            tried = check_broker(connection, seconds / len(urls), keep)
        except Exception as error:
            tried = answer(False, "client", sentence(error))
        if tried["reachable"]:
            break
        problems.append("{0}: {1}".format(told["url"], tried["error"]) if len(urls) > 1 else tried["error"])
    return dict(told, **dict(tried, error="; ".join(problems))), connection


def backend_kind(names):
    """Return which check fits, from the dotted names of a backend's classes."""
    known = (
        ("celery.backends.base.DisabledBackend", "disabled"),
        ("celery.backends.rpc.RPCBackend", "rpc"),
        ("celery.backends.redis.SentinelBackend", "sentinel"),
        ("celery.backends.redis.RedisBackend", "redis"),
        ("celery.backends.database.DatabaseBackend", "database"),
        ("django_celery_results.backends.database.DatabaseBackend", "django"),
        ("celery.backends.cache.CacheBackend", "cache"),
        ("celery.backends.filesystem.FilesystemBackend", "file"),
    )
    return next((kind for name, kind in known if name in names), "other")


def check_backend(app, broker, seconds):
    """Return url, type, reachable, layer and error of the application's result backend."""
    setting = app.conf.result_backend
    text = setting if isinstance(setting, str) else type(setting).__name__ if setting else "disabled"
    told = {"url": mask(text), "type": text.partition("://")[0]}
    # From Celery 5.5 on, a database backend otherwise waits here for its database, to make its tables.
    app.conf.database_create_tables_at_setup = False
    try:
        backend = app.backend
        kind = backend_kind({"{0.__module__}.{0.__name__}".format(cls) for cls in type(backend).__mro__})
    except Exception as error:
        return dict(told, **answer(False, "client", sentence(error)))
    if kind == "disabled":
        return dict(told, type="disabled", **answer(None, "none"))
    if kind == "rpc":
        return dict(told, reachable=broker["reachable"], layer=broker["layer"], error=broker["error"])
    clock = Clock(seconds)
    checks = {
        "redis": lambda: _backend_redis(backend, clock),
        "sentinel": lambda: bounded(backend.client.ping, clock.left(), "protocol", "result backend"),
        "database": lambda: _backend_database(backend, seconds),
        "django": lambda: _backend_django(clock),
        "cache": lambda: _backend_cache(backend, clock),
        "file": lambda: check_sqlite(os.path.join(os.fsdecode(backend.path), "probe")),
    }
    if kind in checks:
        return dict(told, **ask([checks[kind]]))
    return dict(told, **_backend_other(text, clock))


def _backend_redis(backend, clock):
    parameters = backend.connparams
    tls = None
    if "SSL" in getattr(parameters.get("connection_class"), "__name__", ""):
        tls = {name: value for name, value in parameters.items() if name.startswith("ssl_") and value is not None}
    check_redis(
        parameters.get("host") or "localhost",
        parameters.get("port") or DEFAULT_PORTS["redis"],
        clock,
        parameters.get("username"),
        parameters.get("password"),
        parameters.get("db"),
        tls,
        parameters.get("path"),
    )
    bounded(backend.client.ping, clock.left(), "protocol", "result backend")


def _backend_database(backend, seconds):
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    url = sqlalchemy.engine.make_url(backend.url)
    family = url.drivername.partition("+")[0]
    if family == "sqlite":
        check_sqlite(url.database)
        return
    arguments = dict(backend.engine_options or {}).get("connect_args", {})
    engine = sqlalchemy.create_engine(url, poolclass=NullPool, connect_args=arguments)
    # What was imported until here, the driver at the latest, is not the database's time.
    clock = Clock(seconds)
    if url.host:
        port = url.port or {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "oracle": 1521}[family]
        connect(url.host, port, clock).close()
    bounded(lambda: engine.connect().close(), clock.left(), "protocol", "database")


def _backend_django(clock):
    from django.db import connections

    settings = connections["default"].settings_dict
    if settings["ENGINE"].endswith("sqlite3"):
        check_sqlite(str(settings["NAME"]))
        return
    if settings.get("HOST") and settings.get("PORT"):
        connect(settings["HOST"], int(settings["PORT"]), clock).close()

    def ensure():
        # Django keeps its connections by thread.
        connections["default"].ensure_connection()

    bounded(ensure, clock.left(), "protocol", "database")


def _backend_cache(backend, clock):
    if backend.backend == "memory":
        return
    for server in backend.servers:
        host, _colon, port = server.strip("/").rpartition(":")
        check_memcached(host or server.strip("/"), int(port) if host else 11211, clock)


def _backend_other(text, clock):
    parts = urlsplit(text.partition("+")[2] if "+" in text.partition("://")[0] else text)
    if parts.hostname and parts.port:
        tried = ask([lambda: connect(parts.hostname, parts.port, clock).close()])
        if not tried["reachable"]:
            return tried
        return answer(None, "unknown", "TCP answers; a result backend of this type is not checked further")
    return answer(None, "unknown", "a result backend of this type is not checked")
