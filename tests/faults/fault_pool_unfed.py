"""The main process no longer hands tasks to its pool: they are taken, reserved, and never begun (celery#4185)."""

ROUND, NODE = "deeper", "poll"
EXPECTED, ACTION = ("stuck", "pool_dead"), "restart"
EXITS = (2, 0)


def inject(fleet):
    fleet.control(NODE, "forget", module="celery.concurrency")
    fleet.send("sleep_for", 0.1, queue="poll", times=2)


def settled(fleet):
    return fleet.problem(NODE) == "pool_dead"
