"""Tasks for a far time fill a worker up to its limit, and what could run now waits behind them (celery#9849)."""

ROUND, NODE = "settings", "child"
EXPECTED, ACTION = ("misconfigured", "prefetch_full"), "none"
EXITS = (0, 0)
MOVES = True


def inject(fleet):
    fleet.restart_with(NODE, worker_eta_task_limit=8)


def settled(fleet):
    if fleet.unhealthy([NODE]):
        return False
    if not getattr(settled, "sent", False):
        settled.sent = True
        fleet.send("sleep_for", 0, queue="child", times=8, countdown=900)
        fleet.send("sleep_for", 0, queue="child", times=4)
    return fleet.redis("LLEN", "child") != "0"


def undo(fleet):
    fleet.service(NODE).stop()
    fleet.redis("DEL", "child")
    fleet.no_settings(NODE)
    fleet.service(NODE).start()
