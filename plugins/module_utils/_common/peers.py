# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks a broker or a result backend step by step whether it answers: name, TCP, TLS, login, protocol.

Runs inside the application's Python, where the standard library does the first steps and the application's own
client the last one. Private to the collection.
"""

from __future__ import annotations

import os
import queue
import socket
import ssl
import threading
import time

from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import mask

# How far a check came. A peer that answers is at "ok"; "client" is the application's own library refusing to work,
# "url" a URL in which no host is found, "setting" one that the library cannot do anything with.
LAYERS = ("url", "setting", "dns", "tcp", "tls", "auth", "protocol", "client", "ok", "none", "unknown")

DEFAULT_PORTS = {"redis": 6379, "sentinel": 26379, "amqp": 5672, "amqps": 5671}

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
    # Of no peer's answer: the library does not take an option, or does not know a name.
    return "setting" if isinstance(error, (KeyError, TypeError, ValueError)) else "protocol"


def sentence(error):
    """Return an error of a client library as one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, PeerError) else "{0}: {1}".format(type(error).__name__, text)


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


def redis_login(sock, username=None, password=None, database=0, source="the URL"):
    """Log in, choose the database and ping, or raise PeerError. The password is looked for in the source."""
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
            hint = "; {0} has no password".format(source) if refused[0] == "auth" and not password else ""
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


def master_of(hosts, name, clock, setting, options):
    """Return the first Sentinel that knows the master of that name, and the master, each as host and port, or raise PeerError.

    setting is where the application names the master, options are how the clients log in to the Sentinels.
    """
    if not name:
        raise PeerError(
            "setting", "{0} has no master_name: Sentinels are asked for a master by its name".format(setting)
        )
    problems = []
    for host, port in hosts:
        try:
            return (host, port), _ask_sentinel(host, port or DEFAULT_PORTS["sentinel"], name, clock, options)
        except PeerError as error:
            problems.append(error)
    text = "no Sentinel leads to the master {0}: {1}"
    raise PeerError(problems[-1].layer, text.format(name, "; ".join(str(one) for one in problems)))


def _ask_sentinel(host, port, name, clock, options):
    tls = {key: value for key, value in options.items() if key.startswith("ssl_")} if options.get("ssl") else None
    with connect(host, port, clock, tls) as sock:
        redis_login(sock, options.get("username"), options.get("password"), source="sentinel_kwargs")
        try:
            sock.sendall(redis_command("SENTINEL", "get-master-addr-by-name", name))
            with sock.makefile("rb") as stream:
                lines = [stream.readline(512).strip()]
                lines += [stream.readline(512).strip() for _line in range(4 if lines == [b"*2"] else 0)]
        except OSError as error:
            raise PeerError("protocol", "no answer of the Sentinel {0}:{1}: {2}".format(host, port, error)) from None
    if len(lines) < 5 or not lines[4].isdigit():
        text = "{0}:{1} knows no master {2}; it answers {3!r}"
        # Any answer but the address, a Redis that is no Sentinel among them.
        raise PeerError("setting", text.format(host, port, name, lines[0].decode("utf-8", "replace")))
    return lines[2].decode("utf-8", "replace"), int(lines[4])


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
