"""A worker with two threads goes through hundreds of short tasks."""

ROUND, NODE = "deeper", "start"
EXPECTED, ACTION = ("healthy", "saturated"), "none"
EXITS = (0, 0)
# Between two tasks a thread is free for a moment.
OR = [("healthy", "busy")]


def inject(fleet):
    # Enough for five minutes at least.
    fleet.send("sleep_for", 0.2, queue="start", times=3000)


def undo(fleet):
    # What the next round sends would wait behind them.
    fleet.redis("DEL", "start")
