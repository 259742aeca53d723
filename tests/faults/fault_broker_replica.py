"""The broker has become a replica, as after a failover that the workers have not followed: it refuses what is written."""

ROUND, NODE = "broker_replica", ""
EXPECTED, ACTION = ("unknown", "broker_refusing"), "none"
EXITS = (2, 2)


def inject(fleet):
    with fleet.ledger.held():
        # Of nobody that answers, so that it keeps what it has.
        fleet.redis("REPLICAOF", "127.0.0.1", "1")


def undo(fleet):
    fleet.redis("REPLICAOF", "NO", "ONE")
