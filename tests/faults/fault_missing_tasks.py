"""A worker was started without the module of the tasks that it should know: their messages would be dropped."""

ROUND, NODE = "settings", "socket"
EXPECTED, ACTION = ("misconfigured", "missing_tasks"), "none"
EXITS = (0, 0)
MOVES = True


def inject(fleet):
    fleet.restart_with(NODE, include=["shop.faults"])


def settled(fleet):
    return not fleet.unhealthy([NODE])


def undo(fleet):
    fleet.restart_with(NODE)
