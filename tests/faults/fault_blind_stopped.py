"""SIGSTOP again, for a worker without a sentinel: what others see is enough."""

ROUND, NODE = "deeper", "blind"
EXPECTED, ACTION = ("stuck", "loop_stalled"), "restart"
EXITS = (2, 0)


def inject(fleet):
    fleet.signal("STOP", fleet.pid(NODE))


def settled(fleet):
    return fleet.check(f"cut -d' ' -f3 /proc/{fleet.pid(NODE)}/stat") == "T"
