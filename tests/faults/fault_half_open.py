"""The connection on which a worker waits for work dies without a word, as behind a NAT or a failover of an address.

hydroserver#450, lso#215: the host believes to be connected, the broker has forgotten the client, ping is well.
"""

import contextlib

from waiting import wait_for

ROUND, NODE = "alone", "socket"
EXPECTED, ACTION = ("stuck", "connection_lost"), "restart"
EXITS = (2, 0)

DROPPED = contextlib.ExitStack()


def waiting(fleet):
    """The client of the worker that waits for work: id and port."""
    for line in fleet.redis("CLIENT", "LIST").splitlines():
        client = dict(word.partition("=")[::2] for word in line.split())
        if client["name"] == fleet.node(NODE) and client["cmd"] == "brpop":
            return client["id"], client["addr"].rpartition(":")[2]
    return None


def inject(fleet):
    client, port = wait_for(lambda: waiting(fleet), "it waits for work")
    ways = (f"--sport {port} --dport 6379", f"--sport 6379 --dport {port}")
    DROPPED.enter_context(fleet.host.dropped(*(f"INPUT -i lo -p tcp {way}" for way in ways)))
    fleet.redis("CLIENT", "KILL", "ID", client)


def settled(fleet):
    return fleet.problem(NODE) == "connection_lost"


def undo(_fleet):
    DROPPED.close()
