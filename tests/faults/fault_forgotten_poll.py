"""After a reconnect the worker asks the broker for nothing any more: it answers, its loop turns, its queue grows.

celery#8030, in all its releases up to kombu 5.6; the state that it leaves is made by a command of the shop.
"""

from waiting import wait_for

ROUND, NODE = "alone", "poll"
EXPECTED, ACTION = ("stuck", "not_consuming"), "restart"
EXITS = (2, 0)


def inject(fleet):
    fleet.control(NODE, "forget", module="kombu.transport")
    fleet.send("sleep_for", 0.1, queue="poll", times=3)


def settled(fleet):
    return fleet.problem(NODE) == "not_consuming"


def healed(fleet):
    return wait_for(lambda: fleet.redis("LLEN", "poll") == "0", "it has taken what waited")
