"""The broker may throw away keys when its memory is full: the bindings of queues are keys, too (kombu#1063)."""

from incidents import finding

ROUND, NODE = "deployed", "broker"
EXPECTED, ACTION = ("finding", "eviction_policy"), "none"
EXITS = (0, 0)


def inject(fleet):
    fleet.redis("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")


def find(report):
    return finding("eviction_policy", report)


def undo(fleet):
    fleet.redis("CONFIG", "SET", "maxmemory-policy", "noeviction")
