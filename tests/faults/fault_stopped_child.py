"""SIGSTOP stops one process of a pool: the worker answers, and what that process was given is never run.

It stands for a hang between main process and child (celery#4185): ping is well, a task is reserved and not begun.
"""

import time

from waiting import wait_for

ROUND, NODE = "alone", "child"
EXPECTED, ACTION = ("stuck", "pool_dead"), "restart"
EXITS = (2, 0)


def turn(heartbeat):
    """When the worker's loop turned last."""
    return heartbeat["written_at"] - heartbeat["loop_age"]


def turned(fleet, moment):
    """What the sentinel wrote after a turn of the worker's loop since then, if there was one. Ages are rounded."""
    heartbeat = fleet.heartbeats().get(NODE)
    return heartbeat if heartbeat and turn(heartbeat) > moment + 0.2 else None


def stopped_without_task(fleet, pid):
    """Stop it. A task that it runs would be ended by its hard limit, and the process with it, before anybody judges."""
    fleet.signal("STOP", pid)
    moment = time.time()
    # The main process may yet have to read that a task was begun: between two turns of its loop it has.
    first = wait_for(lambda: turned(fleet, moment), "the loop turns after that")
    second = wait_for(lambda: turned(fleet, turn(first)), "the loop turns once more")
    if any(child["pid"] == pid and child["busy_with"] for child in second["children"]):
        fleet.signal("CONT", pid)
        return False
    return True


def inject(fleet):
    pid = fleet.children(NODE)[0]
    wait_for(lambda: stopped_without_task(fleet, pid), "a process of its pool is stopped while it has no task")
    fleet.send("sleep_for", 0.1, queue="child", times=4)


def settled(fleet):
    return fleet.problem(NODE) == "pool_dead"
