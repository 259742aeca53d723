"""SIGSTOP stops a worker's main process: alive for the service manager, silent for everybody else.

To remote control it looks exactly like a dead worker; its queue is read by others only.
"""

ROUND, NODE = "alone", "main"
EXPECTED, ACTION = ("stuck", "loop_stalled"), "restart"
EXITS = (2, 0)


def inject(fleet):
    fleet.signal("STOP", fleet.pid(NODE))


def settled(fleet):
    return fleet.check(f"cut -d' ' -f3 /proc/{fleet.pid(NODE)}/stat") == "T"
