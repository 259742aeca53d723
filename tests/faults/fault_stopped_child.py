"""SIGSTOP stops one process of a pool: the worker answers, and what that process was given is never run.

It stands for a hang between main process and child (celery#4185): ping is well, a task is reserved and not begun.
"""

import time

from helpers import wait_for

ROUND, NODE = "alone", "child"
EXPECTED, ACTION = ("stuck", "pool_dead"), "restart"


def beat_after(fleet, moment):
    """What the sentinel has written since then, if it has."""
    beat = fleet.heartbeats().get(NODE)
    return beat if beat and beat["written_at"] > moment else None


def stopped_without_task(fleet, pid):
    """Stop it. A task that it runs would be ended by its hard limit, and the process with it, before anybody judges."""
    fleet.signal("STOP", pid)
    # The main process may yet have to read that a task was begun.
    moment = time.time() + 2
    beat = wait_for(lambda: beat_after(fleet, moment), "the sentinel looks at its pool again")
    if any(child["pid"] == pid and child["busy_with"] for child in beat["children"]):
        fleet.signal("CONT", pid)
        return False
    return True


def inject(fleet):
    pid = fleet.children(NODE)[0]
    wait_for(lambda: stopped_without_task(fleet, pid), "a process of its pool is stopped while it has no task")
    fleet.send("sleep_for", 0.1, queue="child", times=4)


def settled(fleet):
    return fleet.problem(NODE) == "pool_dead"
