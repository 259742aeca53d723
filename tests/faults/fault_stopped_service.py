"""Somebody has stopped a worker and forgotten it: its queue has nobody."""

ROUND, NODE = "alone", "blind"
EXPECTED, ACTION = ("down", "not_running"), "start"
EXITS = (2, 0)


def inject(fleet):
    fleet.service(NODE).stop()
