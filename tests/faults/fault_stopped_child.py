"""SIGSTOP stops one process of a pool: the worker answers, and what that process was given is never run.

It stands for a hang between main process and child (celery#4185): ping is well, a task is reserved and not begun.
"""

ROUND, NODE = "alone", "child"
EXPECTED, ACTION = ("stuck", "pool_dead"), "restart"


def inject(fleet):
    fleet.signal("STOP", fleet.children(NODE)[0])
    fleet.send("sleep_for", 0.1, queue="child", times=4)


def settled(fleet):
    return fleet.problem(NODE) == "pool_dead"
