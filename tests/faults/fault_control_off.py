"""Remote control is off, and nobody has said so: the worker works, and whoever asks takes it for dead.

airflow#41289: a probe restarted it for ever.
"""

ROUND, NODE = "deployed", "steady"
EXPECTED, ACTION = ("misconfigured", "control_unreachable"), "none"
EXITS = (0, 0)
MOVES = True


def inject(fleet):
    fleet.restart_with(NODE, worker_enable_remote_control=False)


def settled(fleet):
    return not fleet.unhealthy([NODE]) and fleet.heartbeats()[NODE]["received_total"] > 0


def undo(fleet):
    fleet.restart_with(NODE)
