"""A solo worker runs long tasks and does not answer meanwhile, while more wait: the best known false alarm.

video2commons#427, nautobot#8215: probes restart it in the middle of its work.
"""

ROUND, NODE = "alone", "solo"
EXPECTED, ACTION = ("healthy", "saturated"), "none"


def inject(fleet):
    # Each below its hard limit of twelve seconds; there are enough that some wait whenever somebody looks.
    fleet.send("sleep_for", 11, queue="solo", times=40)


def undo(fleet):
    fleet.redis("DEL", "solo")
