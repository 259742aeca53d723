"""A solo worker runs a long task and does not answer meanwhile: the best known false alarm.

video2commons#427, nautobot#8215: probes restart it in the middle of its work.
"""

ROUND, NODE = "alone", "solo"
EXPECTED, ACTION = ("healthy", "busy"), "none"


def inject(fleet):
    # Both below its hard limit of twelve seconds each, and silent through all samples.
    fleet.send("sleep_for", 11, queue="solo", times=4)
