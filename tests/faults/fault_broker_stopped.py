"""The broker is stopped: every worker is silent at once, and none is to blame."""

ROUND, NODE = "broker_stopped", ""
EXPECTED, ACTION = ("unknown", "broker_unreachable"), "none"
EXITS = (2, 2)


def inject(fleet):
    with fleet.ledger.held():
        fleet.check("systemctl stop redis-server")


def undo(fleet):
    fleet.check("systemctl start redis-server")
