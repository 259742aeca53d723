"""All slots are busy with long tasks, and work waits: more workers are wanted, not a restart."""

from waiting import wait_for

ROUND, NODE = "deployed", "blind"
EXPECTED, ACTION = ("healthy", "saturated"), "none"
EXITS = (0, 0)


def inject(fleet):
    # Enough that some wait whenever somebody looks, and no limit ends one that takes longer on a busy machine.
    fleet.send("sleep_for", 8, queue="blind", times=120, soft_time_limit=3000, time_limit=3600)


def undo(fleet):
    fleet.redis("DEL", "blind")
    wait_for(lambda: '"blind"' not in fleet.redis("HVALS", "unacked"), "what was taken of it is done")
