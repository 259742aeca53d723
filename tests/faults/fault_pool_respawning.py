"""What each process of a pool does at its birth takes too long, so Celery kills it, and the next, for ever.

OpenTranscribe#631: 69,231 processes in a night, while the worker answered all the time.
"""

ROUND, NODE = "settings", "poll"
EXPECTED, ACTION = ("misconfigured", "pool_respawning"), "none"
EXITS = (0, 0)
WHEN = "early"
MOVES = True


def inject(fleet):
    fleet.restart_with(NODE, shop_slow_birth=8, worker_max_tasks_per_child=1)
    fleet.send("sleep_for", 0.1, queue="poll", times=6)


def settled(fleet):
    worker = fleet.service(NODE)
    log = fleet.check(f"journalctl --unit={worker.name} --since=-60s --no-pager")
    return log.count("waiting for UP") >= 3 and worker.age > 45


def undo(fleet):
    fleet.restart_with(NODE)
