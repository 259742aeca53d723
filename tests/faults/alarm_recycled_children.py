"""Each process of the pool runs one task and is replaced: its pool is new in every sample, and all is well."""

ROUND, NODE = "settings", "steady"
EXPECTED, ACTION = ("healthy", "busy"), "none"
MOVES = True


def inject(fleet):
    fleet.settings(NODE, worker_max_tasks_per_child=1)
    fleet.restart(NODE)


def settled(fleet):
    return not fleet.ill([NODE])


def undo(fleet):
    fleet.no_settings(NODE)
    fleet.restart(NODE)
