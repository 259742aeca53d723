"""The broker's process is stopped by a signal: connections stand, and nothing answers."""

ROUND, NODE = "broker_frozen", ""
EXPECTED, ACTION = ("unknown", "broker_unreachable"), "none"


def inject(fleet):
    fleet.check("systemctl kill --signal=STOP redis-server")


def undo(fleet):
    fleet.check("systemctl kill --signal=CONT redis-server")
