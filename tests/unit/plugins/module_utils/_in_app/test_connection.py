# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.brokers import kind_of, transport_of
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.connection import (
    BLOCKED,
    Blocked,
    check_broker,
    first_broker,
    lost,
    socket_of,
)
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.servers import free_port
from ansible_collections.taskfleet.celery.tests.waiting import PATIENCE


@pytest.mark.parametrize(
    ("scheme", "transport", "kind"),
    [
        ("rediss", "redis", "redis"),
        ("redis+socket", "redis", "redis"),
        ("sentinel", "sentinel", "redis"),
        ("pyamqp", "amqp", "rabbitmq"),
        ("amqps", "amqp", "rabbitmq"),
        ("sqs", "sqs", None),
        ("", "", None),
        (None, "", None),
    ],
)
def test_kinds(scheme, transport, kind):
    assert (transport_of(scheme), kind_of(scheme)) == (transport, kind)


class Connection:
    """What the checks use of a kombu connection."""

    def __init__(self, transport, port=None, refuses=None):
        self.transport_cls = transport
        self.hostname = "127.0.0.1"
        self.port = port
        self.userid = self.password = self.virtual_host = self.ssl = None
        self.refuses = refuses
        self.connected = 0

    def connect(self):
        if self.refuses:
            raise self.refuses
        self.connected += 1


class App:
    def __init__(self, connections):
        self.connections = connections

    def connection_for_write(self, url):
        return self.connections[url]


def test_first_broker_that_answers():
    down = free_port()
    urls = ["amqp://u:hunter22@down//", "amqp://u:hunter22@up//"]
    app = App({urls[0]: Connection("amqp", down, ConnectionRefusedError()), urls[1]: Connection("amqp")})
    broker, connection = first_broker(app, urls, PATIENCE, keep=True)
    assert connection is app.connections[urls[1]]
    assert connection.connected == 1
    assert broker == {
        "url": "amqp://u:***@up//",
        "transport": "amqp",
        "reachable": True,
        "layer": "ok",
        "error": "amqp://u:***@down//: no connection to 127.0.0.1:{0}: Connection refused".format(down),
    }


def test_refused_login_needs_no_further_step():
    connection = Connection("amqp", free_port(), RuntimeError("(403) ACCESS_REFUSED"))
    assert check_broker(connection, PATIENCE, keep=True)["layer"] == "auth"


def test_client_that_fails_where_amqp_answers(server):
    port = server(b"\x01\x00\x00\x00\x00\x01\x00\x00").port
    result = check_broker(Connection("amqp", port, RuntimeError("frame error")), PATIENCE, keep=True)
    assert result == {"reachable": False, "layer": "protocol", "error": "RuntimeError: frame error"}


def test_redis_is_asked_step_by_step_before_the_client(server):
    connection = Connection("redis", server(b"+PONG\r\n").port, RuntimeError("VersionMismatch: You have 4.6.0"))
    assert check_broker(connection, PATIENCE, keep=True)["layer"] == "client"
    connection = Connection("redis", free_port())
    assert check_broker(connection, PATIENCE, keep=True)["layer"] == "tcp"
    assert connection.connected == 0


def test_transport_that_does_not_exist():
    broker, connection = first_broker(App({}), ["nosuch://h"], PATIENCE)
    assert connection is None
    assert (broker["reachable"], broker["layer"]) == (False, "setting")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("socket:///run/redis.sock", ("/run/redis.sock", None, None, 0)),
        ("socket://:hunter%2F22@/run/redis.sock?virtual_host=3", ("/run/redis.sock", None, "hunter/22", 3)),
        ("socket://shop:x@/run/redis.sock", ("/run/redis.sock", "shop", "x", 0)),
    ],
)
def test_socket_of_redis(url, expected):
    found = socket_of(url, None)
    assert tuple(found[name] for name in ("path", "username", "password", "database")) == expected


def test_socket_that_is_missing_is_named(tmp_path):
    connection = Connection("redis")
    connection.hostname = "socket://{0}/redis.sock".format(tmp_path)
    result = check_broker(connection, PATIENCE, keep=True)
    assert (result["layer"], str(tmp_path / "redis.sock") in result["error"]) == ("tcp", True)


def test_master_is_asked_for_before_the_client_tries(server):
    master = server(b"+PONG\r\n")
    address = "*2\r\n$9\r\n127.0.0.1\r\n${0}\r\n{1}\r\n".format(len(str(master.port)), master.port)
    connection = Connection("sentinel", server(b"+PONG\r\n", address.encode()).port)
    connection.transport_options = {"master_name": "mymaster"}
    assert check_broker(connection, PATIENCE, keep=True)["reachable"] is True
    assert (len(master.seen), connection.connected) == (1, 1)
    connection.transport_options = {}
    result = check_broker(connection, PATIENCE, keep=True)
    assert (result["layer"], "master_name" in result["error"]) == ("setting", True)


def test_broker_in_memory_needs_no_way():
    assert check_broker(Connection("memory"), PATIENCE, keep=True) == {
        "reachable": True,
        "layer": "ok",
        "error": "",
    }


def test_alarm_is_a_lost_connection_to_kombu_and_an_answer_to_us():
    error = Blocked()
    assert isinstance(error, OSError)
    assert lost(Connection("amqp"), error) == {"reachable": True, "layer": "protocol", "error": BLOCKED}


@pytest.mark.parametrize(
    "urls",
    [
        ["redis://:hun/ter22@h:6379/0"],
        ["redis://:hun", "ter22@h:6379/0"],
        ["amqp://u:ok@up//", "amqp://u:hun#ter22@h//"],
    ],
)
def test_of_a_url_that_cannot_be_read_nothing_is_shown(urls):
    broker, connection = first_broker(App({}), urls, PATIENCE)
    assert connection is None
    assert (broker["reachable"], broker["layer"]) == (False, "url")
    assert broker["url"] == urls[0].partition("://")[0] + "://***"
    assert not any(part in str(broker) for part in ("hun", "ter22"))
