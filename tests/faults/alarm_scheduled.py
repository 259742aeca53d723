"""Tasks with a countdown wait in a worker for their time: taken, not begun, slots free. It looks like a hang of the pool."""

ROUND, NODE = "deeper", "main"
EXPECTED, ACTION = ("healthy", "busy"), "none"
EXITS = (0, 0)
WHEN = "late"


def inject(fleet):
    # They run by themselves, after all have looked.
    fleet.send("sleep_for", 0, queue="main", times=2, countdown=600)


def settled(fleet):
    return fleet.redis("LLEN", "main") == "0"
