"""A task runs past its hard limit in a pool of threads, which cannot enforce one."""

from helpers import wait_for

ROUND, NODE = "settings", "start"
EXPECTED, ACTION = ("misconfigured", "task_overrun"), "none"
WHEN = "early"


def inject(fleet):
    fleet.send("sleep_for", 180, queue="start")


def settled(fleet):
    active = fleet.heartbeats()[NODE]["active"]
    return bool(active) and int(fleet.check("date +%s")) - active[0]["started"] > 25


def undo(fleet):
    # It ends by itself, and no restart would be quicker: the pool waits for it.
    wait_for(lambda: not fleet.heartbeats()[NODE]["active"], "the task has ended")
