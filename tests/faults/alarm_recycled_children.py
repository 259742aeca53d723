"""Each process of the pool runs one task and is replaced: its pool is new in every sample, and all is well."""

ROUND, NODE = "settings", "steady"
EXPECTED, ACTION = ("healthy", "busy"), "none"
EXITS = (0, 0)
MOVES = True


def inject(fleet):
    fleet.restart_with(NODE, worker_max_tasks_per_child=1)


def settled(fleet):
    return not fleet.unhealthy([NODE])


def undo(fleet):
    fleet.restart_with(NODE)
