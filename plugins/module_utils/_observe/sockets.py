# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The TCP connections of processes, from /proc. Linux only. Private to the collection."""

from __future__ import annotations

import ipaddress
import os
import re
import struct

from ansible_collections.taskfleet.celery.plugins.module_utils._common.brokers import transport_of
from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import resolve

# More than these are counted and not listed.
MOST = 100

STATES = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT1",
    5: "FIN_WAIT2",
    6: "TIME_WAIT",
    7: "CLOSE",
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: "LISTEN",
    11: "CLOSING",
}
TIMERS = {0: None, 1: "retransmit", 2: "keepalive", 3: "time_wait", 4: "probe"}
PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671, "pyamqp": 5672}

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?P<rest>.*)", re.DOTALL)
_PLACE = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:/?#]*))(?::(?P<port>\d+))?(?:[/?#].*)?")


class Unknown(Exception):
    """Something that cannot be known here, and why."""


def broker_places(url):
    """Return host and port of every broker that a broker URL names; the password may hold anything."""
    places = []
    for one in filter(None, (part.strip() for part in (url or "").split(";"))):
        match = _URL.fullmatch(one)
        scheme = match.group("scheme") if match else ""
        if not match or transport_of(scheme) not in ("redis", "amqp") or "socket" in scheme:
            raise Unknown("the address of a broker of the kind {0!r} is not in its URL".format(scheme or "none"))
        place = _PLACE.fullmatch(match.group("rest").rpartition("@")[2])
        if not place:
            raise Unknown("the broker's URL has no host that can be read")
        port = place.group("port") or PORTS.get(scheme.lower()) or PORTS[transport_of(scheme)]
        places.append((place.group("six") or place.group("host") or "localhost", int(port)))
    if not places:
        raise Unknown("the broker's URL is not known; it is not in the environment of the service")
    return places


def broker_addresses(url, clock):
    """Return the (address, port) pairs that a broker URL leads to now."""
    found = set()
    for host, port in broker_places(url):
        for address in resolve(host, port, clock):
            found.add((_plain(address[4][0]), port))
    return found


def connections(pids, broker, proc="/proc"):
    """Return the TCP connections of these processes, those to the broker first, and how many there are.

    ``broker`` has (address, port) pairs. A connection to its port at another address may be one to an address that
    its name had before.
    """
    owners = owners_of(pids, proc)
    found = {}
    for pid in pids:
        # Each process has the network that it was started in, which need not be that of the host.
        for family in ("tcp", "tcp6"):
            for entry in table(os.path.join(proc, str(pid), "net", family)):
                if entry["inode"] in owners and entry["state"] != "LISTEN":
                    found[entry["inode"]] = entry
    ports = {port for _address, port in broker}
    connections = []
    for inode, entry in found.items():
        address, port = entry["remote"]
        to = "broker" if (address, port) in broker else "broker_port" if port in ports else "other"
        connections.append(
            {
                "to": to,
                "local": _shown(entry["local"]),
                "remote": _shown(entry["remote"]),
                "state": entry["state"],
                "send_queue": entry["send_queue"],
                "receive_queue": entry["receive_queue"],
                "timer": entry["timer"],
                "retransmits": entry["retransmits"],
                "pids": sorted(owners[inode]),
            }
        )
    connections.sort(key=lambda one: (("broker", "broker_port", "other").index(one["to"]), one["remote"], one["local"]))
    return connections[:MOST], len(connections)


def owners_of(pids, proc="/proc"):
    """Return which of the processes have a socket open, by the socket's inode."""
    owners, refused = {}, None
    for pid in pids:
        directory = os.path.join(proc, str(pid), "fd")
        try:
            names = os.listdir(directory)
        except FileNotFoundError:
            continue
        except OSError as error:
            refused = error
            continue
        for name in names:
            try:
                target = os.readlink(os.path.join(directory, name))
            except OSError:
                continue
            if target.startswith("socket:["):
                owners.setdefault(int(target[8:-1]), set()).add(pid)
    if refused is not None and not owners:
        raise Unknown("the open files of the processes cannot be read: {0}".format(refused.strerror))
    return owners


def table(path):
    """Return the lines of /proc/net/tcp or tcp6."""
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            lines = stream.read().splitlines()[1:]
    except OSError:
        return []
    return [_line(line.split()) for line in lines if line.strip()]


def _line(fields):
    sent, received = fields[4].split(":")
    return {
        "local": _address(fields[1]),
        "remote": _address(fields[2]),
        "state": STATES.get(int(fields[3], 16), fields[3]),
        "send_queue": int(sent, 16),
        "receive_queue": int(received, 16),
        "timer": TIMERS.get(int(fields[5].split(":")[0], 16)),
        "retransmits": int(fields[6], 16),
        "inode": int(fields[9]),
    }


def _address(text):
    """Return (address, port) of what the kernel writes: words in the byte order of the machine."""
    words, port = text.split(":")
    raw = b"".join(struct.pack("=I", int(words[start : start + 8], 16)) for start in range(0, len(words), 8))
    return _plain(ipaddress.ip_address(raw)), int(port, 16)


def _plain(address):
    """Return an address as a text, an IPv4 one inside IPv6 as what it is."""
    address = ipaddress.ip_address(str(address).partition("%")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)


def _shown(place):
    return ("[{0}]:{1}" if ":" in place[0] else "{0}:{1}").format(*place)
