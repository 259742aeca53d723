"""What is noted of the workers' replies is spoilt: no answer comes back from anybody, and all of them work.

kombu#1087: `inspect` found no node, though tasks ran; deleting the key was the remedy.
"""

ROUND, NODE = "mute", "steady"
EXPECTED, ACTION = ("misconfigured", "control_unreachable"), "none"
# The sentinels say that the others work; this one has none.
EXITS, ALSO = (2, 2), ("blind",)
KEY = "_kombu.binding.reply.celery.pidbox"


def inject(fleet):
    fleet.redis("SADD", KEY, "junk")


def undo(fleet):
    fleet.redis("DEL", KEY)
