"""A second beat, started by hand and forgotten: each periodic task is sent twice."""

from incidents import finding

ROUND, NODE = "deployed", "beat"
EXPECTED, ACTION = ("finding", "two_beats"), "none"
EXITS = (2, 2)


def inject(fleet):
    fleet.beside("second", "celery -A shop.celery beat --schedule=/tmp/second-schedule --pidfile=")


def find(report):
    return finding("two_beats", report)


def undo(fleet):
    fleet.host.on.run("systemctl stop second; rm -f /tmp/second-schedule*")
