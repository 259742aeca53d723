# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import socket
import ssl
import threading

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common import peers
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.servers import free_port
from ansible_collections.taskfleet.celery.tests.waiting import PATIENCE


def ask_redis(port, seconds=PATIENCE, **options):
    return peers.ask([lambda: peers.check_redis("127.0.0.1", port, peers.Clock(seconds), **options)])


def test_redis_answers(server):
    made = server(b"+OK\r\n", b"+OK\r\n", b"+PONG\r\n")
    assert ask_redis(made.port, password="hunter22", username="u", database=3) == {
        "reachable": True,
        "layer": "ok",
        "error": "",
    }
    assert made.seen[0] == b"*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$8\r\nhunter22\r\n"
    assert made.seen[1] == b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
    assert made.seen[2] == b"*1\r\n$4\r\nPING\r\n"


@pytest.mark.parametrize(
    ("answer", "layer", "text"),
    [
        (b"-NOAUTH Authentication required.\r\n", "auth", "the URL has no password"),
        (b"-NOPERM this user has no permissions\r\n", "auth", "NOPERM"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "protocol", "LOADING"),
        (b"HTTP/1.1 400 Bad Request\r\n", "protocol", "not the protocol of Redis"),
        (b"", "protocol", "does the server want TLS?"),
    ],
)
def test_redis_refuses(server, answer, layer, text):
    result = ask_redis(server(answer).port)
    assert (result["reachable"], result["layer"]) == (False, layer)
    assert text in result["error"]


@pytest.mark.parametrize(
    "answer",
    [
        b"-WRONGPASS invalid username-password pair or user is disabled.\r\n",
        b"-ERR invalid password\r\n",
        b"-ERR AUTH <password> called without any password configured for the default user.\r\n",
        b"-ERR Client sent AUTH, but no password is set\r\n",
    ],
)
def test_redis_refuses_the_password(server, answer):
    result = ask_redis(server(answer).port, password="hunter22")
    assert result["layer"] == "auth"
    assert "hunter22" not in result["error"]


def test_mute_server_is_given_up(server):
    result = ask_redis(server(None).port, seconds=2)
    assert result["layer"] == "protocol"
    assert result["error"] == "no answer to PING: timed out"


def test_nobody_listens():
    port = free_port()
    result = ask_redis(port)
    assert result == {
        "reachable": False,
        "layer": "tcp",
        "error": "no connection to 127.0.0.1:{0}: Connection refused".format(port),
    }


def test_name_that_does_not_resolve(monkeypatch):
    def refuse(*_arguments, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    result = peers.ask([lambda: peers.connect("broker.invalid", 6379, peers.Clock(PATIENCE))])
    assert result["layer"] == "dns"
    assert result["error"] == "the name broker.invalid does not resolve: Name or service not known"


def test_resolver_that_hangs(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: threading.Event().wait(PATIENCE))
    result = peers.ask([lambda: peers.connect("broker.invalid", 6379, peers.Clock(0.2))])
    assert result["layer"] == "dns"
    assert "no answer within" in result["error"]


def test_tls_with_a_server_that_has_none(server):
    result = ask_redis(server(b"-ERR unknown command\r\n").port, tls={"ssl_cert_reqs": "none"})
    assert result["layer"] == "tls"


def test_tls_with_a_missing_authority(server):
    result = ask_redis(server(b"").port, tls={"ssl_ca_certs": "/nowhere/ca.pem"})
    assert result["layer"] == "tls"
    assert "No such file" in result["error"]


MASTER = b"*2\r\n$8\r\n10.0.0.5\r\n$4\r\n6379\r\n"


def ask_sentinels(*ports, name="mymaster", **options):
    hosts = [("127.0.0.1", port) for port in ports]
    return peers.master_of(hosts, name, peers.Clock(PATIENCE), "the application's broker_transport_options", options)


def test_sentinel_that_answers_names_the_master(server):
    made = server(b"+OK\r\n", b"+PONG\r\n", MASTER)
    found = ask_sentinels(free_port(), made.port, password="hunter22")
    assert found == (("127.0.0.1", made.port), ("10.0.0.5", 6379))
    assert made.seen[0] == b"*2\r\n$4\r\nAUTH\r\n$8\r\nhunter22\r\n"
    assert made.seen[2] == b"*3\r\n$8\r\nSENTINEL\r\n$23\r\nget-master-addr-by-name\r\n$8\r\nmymaster\r\n"


@pytest.mark.parametrize("answer", [b"*-1\r\n", b"-ERR unknown command 'SENTINEL'\r\n"])
def test_sentinel_that_knows_no_such_master(server, answer):
    with pytest.raises(peers.PeerError) as caught:
        ask_sentinels(server(b"+PONG\r\n", answer).port)
    assert caught.value.layer == "setting"
    assert answer.decode().strip() in str(caught.value)


def test_sentinels_that_do_not_answer_are_all_named():
    ports = [free_port(), free_port()]
    with pytest.raises(peers.PeerError) as caught:
        ask_sentinels(*ports)
    assert caught.value.layer == "tcp"
    assert all("127.0.0.1:{0}: Connection refused".format(port) in str(caught.value) for port in ports)


def test_master_without_a_name():
    with pytest.raises(peers.PeerError) as caught:
        ask_sentinels(1, name=None)
    assert caught.value.layer == "setting"
    assert "broker_transport_options has no master_name" in str(caught.value)


def test_missing_unix_socket(tmp_path):
    path = str(tmp_path / "redis.sock")
    result = ask_redis(0, path=path)
    assert result["layer"] == "tcp"
    assert path in result["error"]


@pytest.mark.parametrize(
    ("answer", "layer"),
    [(b"\x01\x00\x00\x00\x00\x01\x00\x00", "ok"), (b"AMQP\x00\x00\x09\x01", "protocol"), (b"", "protocol")],
)
def test_amqp(server, answer, layer):
    port = server(answer).port
    assert peers.ask([lambda: peers.check_amqp("127.0.0.1", port, peers.Clock(PATIENCE))])["layer"] == layer


@pytest.mark.parametrize(("answer", "layer"), [(b"VERSION 1.6.18\r\n", "ok"), (b"-ERR\r\n", "protocol")])
def test_memcached(server, answer, layer):
    port = server(answer).port
    assert peers.ask([lambda: peers.check_memcached("127.0.0.1", port, peers.Clock(PATIENCE))])["layer"] == layer


def test_sqlite_creates_nothing(tmp_path):
    path = tmp_path / "results.sqlite"
    assert peers.ask([lambda: peers.check_sqlite(str(path))])["layer"] == "ok"
    assert not path.exists()
    result = peers.ask([lambda: peers.check_sqlite(str(tmp_path / "gone" / "results.sqlite"))])
    assert result["layer"] == "auth"
    assert os.listdir(str(tmp_path)) == []


class VersionMismatch(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "layer"),
    [
        (VersionMismatch("Redis transport requires redis-py versions 6.1.0 or later. You have 4.6.0"), "client"),
        (ModuleNotFoundError("No module named 'packaging'"), "client"),
        (RuntimeError("(403) ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN"), "auth"),
        (RuntimeError("Connection.open: (530) NOT_ALLOWED - vhost shop not found"), "auth"),
        (RuntimeError('FATAL:  password authentication failed for user "shop"'), "auth"),
        (RuntimeError("(1045, \"Access denied for user 'shop'@'h'\")"), "auth"),
        (ssl.SSLError("CERTIFICATE_VERIFY_FAILED"), "tls"),
        (socket.gaierror(-2, "Name or service not known"), "dns"),
        (RuntimeError("OOM command not allowed when used memory > 'maxmemory'"), "protocol"),
        (peers.PeerError("tcp", "gone"), "tcp"),
        (ValueError("A rediss:// URL must have parameter ssl_cert_reqs"), "setting"),
        (KeyError("No such transport: nosuch"), "setting"),
        (TypeError("__init__() got an unexpected keyword argument 'x'"), "setting"),
    ],
)
def test_layers_of_errors(error, layer):
    assert peers.layer_of(error) == layer


def test_errors_have_no_passwords():
    def refuse():
        raise RuntimeError("cannot reach redis://:hunter22@h/0")

    result = peers.ask([refuse])
    assert result["error"] == "RuntimeError: cannot reach redis://:***@h/0"
