# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ipaddress
import os
import socket
import struct
import subprocess
import sys

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import Clock
from ansible_collections.taskfleet.celery.plugins.module_utils._observe import sockets
from ansible_collections.taskfleet.celery.tests.waiting import PATIENCE


@pytest.mark.parametrize(
    ("url", "places"),
    [
        ("redis://h/0", [("h", 6379)]),
        ("redis://:hun@ter/22@h:6380/0", [("h", 6380)]),
        ("rediss://u:p@h:6390/0?ssl_cert_reqs=none", [("h", 6390)]),
        ("amqp://u:p@h//", [("h", 5672)]),
        ("amqps://u:p@h", [("h", 5671)]),
        ("pyamqp://", [("localhost", 5672)]),
        ("valkey://h", [("h", 6379)]),
        ("redis://:p@[::1]:7000/0", [("::1", 7000)]),
        ("amqp://a:x@h1//; amqp://a:x@h2:5673//", [("h1", 5672), ("h2", 5673)]),
    ],
)
def test_address_of_a_broker(url, places):
    assert sockets.broker_places(url) == places


@pytest.mark.parametrize(
    "url", ["", None, "sqs://", "sentinel://h:26379", "redis+socket:///run/r.sock", "memory://", "h"]
)
def test_unknown_broker_address_is_refused(url):
    with pytest.raises(sockets.Unknown):
        sockets.broker_places(url)


def test_reason_has_no_password():
    with pytest.raises(sockets.Unknown) as caught:
        sockets.broker_places("sentinel://:hunter2222@h")
    assert "hunter" not in str(caught.value)


def kernel_words(address):
    raw = ipaddress.ip_address(address).packed
    return "".join(f"{struct.unpack('=I', raw[at : at + 4])[0]:08X}" for at in range(0, len(raw), 4))


HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def line(local, remote, state="01", queues="00000000:00000000", timer="00:00000000", retransmits="00000000", inode=7):
    places = " ".join(f"{kernel_words(address)}:{port:04X}" for address, port in (local, remote))
    return f"   0: {places} {state} {queues} {timer} {retransmits}  1000        0 {inode} 1 0000000000000000 20 4 30 10 -1\n"


@pytest.fixture
def proc(tmp_path):
    """A /proc with process 5, which has the sockets 7 and 8 open."""
    (tmp_path / "5" / "fd").mkdir(parents=True)
    (tmp_path / "5" / "net").mkdir()
    for number, target in enumerate(["/dev/null", "socket:[7]", "socket:[8]", "pipe:[9]"]):
        (tmp_path / "5" / "fd" / str(number)).symlink_to(target)
    return tmp_path


def sockets_of(proc, broker=()):
    return sockets.connections([5], set(broker), str(proc))


def test_connection_in_full(proc):
    text = HEAD + line(("10.0.0.5", 43210), ("10.0.0.9", 6379), "08", "00000010:00000020", "02:000002AA", "00000003")
    (proc / "5" / "net" / "tcp").write_text(text)
    assert sockets_of(proc, [("10.0.0.9", 6379)]) == (
        [
            {
                "to": "broker",
                "local": "10.0.0.5:43210",
                "remote": "10.0.0.9:6379",
                "state": "CLOSE_WAIT",
                "send_queue": 16,
                "receive_queue": 32,
                "timer": "keepalive",
                "retransmits": 3,
                "pids": [5],
            }
        ],
        1,
    )


def test_earlier_address_of_the_broker_shows(proc):
    (proc / "5" / "net" / "tcp").write_text(
        HEAD + line(("10.0.0.5", 1), ("10.0.0.1", 443)) + line(("10.0.0.5", 2), ("10.0.0.8", 6379), inode=8)
    )
    assert [one["to"] for one in sockets_of(proc, [("10.0.0.9", 6379)])[0]] == ["broker_port", "other"]


def test_ipv4_inside_ipv6_is_ipv4(proc):
    (proc / "5" / "net" / "tcp6").write_text(
        HEAD
        + line(("::ffff:10.0.0.5", 1), ("::ffff:10.0.0.9", 6379))
        + line(("2001:db8::5", 2), ("2001:db8::9", 6379), inode=8)
    )
    found, _total = sockets_of(proc, [("10.0.0.9", 6379), ("2001:db8::9", 6379)])
    assert [(one["to"], one["remote"]) for one in found] == [
        ("broker", "10.0.0.9:6379"),
        ("broker", "[2001:db8::9]:6379"),
    ]


def test_sockets_of_others_and_listening_ones_are_left_out(proc):
    (proc / "5" / "net" / "tcp").write_text(
        HEAD + line(("0.0.0.0", 5555), ("0.0.0.0", 0), "0A") + line(("10.0.0.5", 2), ("10.0.0.9", 6379), inode=99)
    )
    assert sockets_of(proc) == ([], 0)


def test_list_is_bounded_and_the_number_is_not(proc, monkeypatch):
    monkeypatch.setattr(sockets, "MOST", 1)
    (proc / "5" / "net" / "tcp").write_text(
        HEAD + line(("10.0.0.5", 1), ("10.0.0.1", 443)) + line(("10.0.0.5", 2), ("10.0.0.9", 6379), inode=8)
    )
    found, total = sockets_of(proc, [("10.0.0.9", 6379)])
    assert ([one["to"] for one in found], total) == (["broker"], 2)


def test_open_files_that_cannot_be_read_are_not_no_sockets(proc, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(sockets.Unknown, match="Permission denied"):
        sockets_of(proc)


def test_process_that_has_ended_has_no_sockets(tmp_path):
    assert sockets.connections([5], set(), str(tmp_path)) == ([], 0)


CLIENT = """
import socket, sys
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
print(sock.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_real_connection(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        port = server.getsockname()[1]
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT, address, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            accepted, _peer = server.accept()
            own = int(client.stdout.readline())
            with accepted:
                accepted.sendall(b"12345")
                url = f"redis://:secret22@{f'[{address}]' if ':' in address else address}:{port}/0"
                broker = sockets.broker_addresses(url, Clock(PATIENCE))
                (one,), total = sockets.connections([client.pid], broker)
        finally:
            client.stdin.close()
            client.stdout.close()
            client.wait(timeout=PATIENCE)
    assert total == 1
    assert (one["to"], one["state"], one["receive_queue"], one["timer"]) == ("broker", "ESTABLISHED", 5, "keepalive")
    assert one["local"].endswith(f":{own}")
    assert one["pids"] == [client.pid]
