"""A task of a solo worker runs past its hard limit, which nobody enforces there: nothing explains its silence any more."""

ROUND, NODE = "deeper", "solo"
EXPECTED, ACTION = ("stuck", "loop_stalled"), "restart"
EXITS = (2, 0)
WHEN = "early"


def inject(fleet):
    fleet.send("sleep_for", 3600, queue="solo")


def settled(fleet):
    return fleet.problem(NODE) == "loop_stalled"
