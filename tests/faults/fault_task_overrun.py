"""A task runs past its hard limit in a pool of threads, which cannot enforce one."""

from waiting import wait_for

ROUND, NODE = "settings", "start"
EXPECTED, ACTION = ("misconfigured", "task_overrun"), "none"
EXITS = (0, 0)
WHEN = "early"
END = "/var/lib/shop/overrun-ends"


def inject(fleet):
    fleet.check(f"rm -f {END}")
    fleet.send("work_until", END, queue="start")


def settled(fleet):
    active = fleet.heartbeats()[NODE]["active"]
    return bool(active) and int(fleet.check("date +%s")) - active[0]["started"] > 25


def undo(fleet):
    fleet.check(f"touch {END}")
    wait_for(lambda: not fleet.heartbeats()[NODE]["active"], "the task has ended")
