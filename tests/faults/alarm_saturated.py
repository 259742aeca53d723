"""All slots are busy with long tasks, and work waits: more workers are wanted, not a restart."""

from helpers import wait_for

ROUND, NODE = "deployed", "blind"
EXPECTED, ACTION = ("healthy", "saturated"), "none"


def inject(fleet):
    # Enough that some wait whenever somebody looks.
    fleet.send("sleep_for", 8, queue="blind", times=60)


def undo(fleet):
    fleet.redis("DEL", "blind")
    wait_for(lambda: '"blind"' not in fleet.redis("HVALS", "unacked"), "what was taken of it is done")
