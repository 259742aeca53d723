"""The broker has no memory left and refuses what is written to it: workers take tasks and cannot acknowledge them.

celery#5716, sentry's self-hosted#3888: restarts did not help there.
"""

ROUND, NODE = "broker_full", ""
EXPECTED, ACTION = ("unknown", "broker_refusing"), "none"
EXITS = (2, 2)


def inject(fleet):
    with fleet.ledger.held():
        fleet.redis("CONFIG", "SET", "maxmemory", "1mb")


def undo(fleet):
    fleet.redis("CONFIG", "SET", "maxmemory", "0")
