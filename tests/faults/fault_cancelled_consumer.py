"""Somebody has told a worker not to consume a queue any more: it answers, and works for its other queue only."""

ROUND, NODE = "deployed", "socket"
EXPECTED, ACTION = ("misconfigured", "wrong_queues"), "none"
EXITS = (0, 0)


def inject(fleet):
    fleet.control(NODE, "add_consumer", queue="elsewhere")
    fleet.control(NODE, "cancel_consumer", queue="socket")


def undo(fleet):
    fleet.control(NODE, "add_consumer", queue="socket")
    fleet.control(NODE, "cancel_consumer", queue="elsewhere")
