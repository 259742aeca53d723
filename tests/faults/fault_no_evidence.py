"""Remote control is off, the sentinel says nothing, and the queue is empty: nobody can know whether the worker works."""

ROUND, NODE = "unseen", "blind"
EXPECTED, ACTION = ("unknown", "insufficient_evidence"), "none"
EXITS = (0, 0)
MOVES = True


def inject(fleet):
    fleet.restart_with(NODE, worker_enable_remote_control=False)


def settled(fleet):
    return not fleet.unhealthy([NODE])


def undo(fleet):
    fleet.restart_with(NODE)
