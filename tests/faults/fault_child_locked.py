"""A process of a pool waits for a lock that no thread of it can free, as after a fork beside a thread that held it.

celery#496, airflow#70690: its only thread sleeps in futex, the task counts as running, and ping is well. A task with a
limit would be ended by it; this one has a limit far away.
"""

ROUND, NODE = "deeper", "socket"
EXPECTED, ACTION = ("stuck", "pool_dead"), "restart"
EXITS = (2, 0)


def inject(fleet):
    fleet.send("deadlock", module="shop.faults", queue="socket", time_limit=3600, soft_time_limit=3000)


def settled(fleet):
    return bool(fleet.heartbeats()[NODE]["active"])
