"""A worker was started without the module of the tasks that it should know: their messages would be dropped."""

ROUND, NODE = "settings", "socket"
EXPECTED, ACTION = ("misconfigured", "missing_tasks"), "none"
MOVES = True


def inject(fleet):
    fleet.settings(NODE, include=["shop.faults"])
    fleet.restart(NODE)


def settled(fleet):
    return not fleet.ill([NODE])


def undo(fleet):
    fleet.no_settings(NODE)
    fleet.restart(NODE)
