"""The broker's process is stopped by a signal: connections stand, and nothing answers."""

ROUND, NODE = "broker_frozen", ""
EXPECTED, ACTION = ("unknown", "broker_unreachable"), "none"
EXITS = (2, 2)


def inject(fleet):
    with fleet.ledger.held():
        fleet.check("systemctl kill --signal=STOP redis-server")


def settled(fleet):
    # Their own questions to it time out.
    return {heartbeat["state"] for heartbeat in fleet.heartbeats().values()} == {"broker_down"}


def undo(fleet):
    fleet.check("systemctl kill --signal=CONT redis-server")
