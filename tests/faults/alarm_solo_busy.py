"""A solo worker runs long tasks and does not answer meanwhile, while more wait: the best known false alarm.

video2commons#427, nautobot#8215: probes restart it in the middle of its work.
"""

ROUND, NODE = "alone", "solo"
EXPECTED, ACTION = ("healthy", "saturated"), "none"
EXITS = (0, 0)


def inject(fleet):
    # Each below its hard limit, also on a busy machine; there are enough that some wait whenever somebody looks.
    fleet.send("sleep_for", 11, queue="solo", times=100, soft_time_limit=3000, time_limit=3600)


def undo(fleet):
    fleet.redis("DEL", "solo")
