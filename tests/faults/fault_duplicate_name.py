"""A second process has the name of a worker, as when a stop that took too long left one behind.

A question to that name is answered once, by either: only the process id tells.
"""

ROUND, NODE = "deployed", "poll"
EXPECTED, ACTION = ("misconfigured", "duplicate_name"), "none"
EXITS = (0, 0)


def inject(fleet):
    worker = f"celery -A shop.celery worker --hostname={fleet.node(NODE)} --queues=poll --pool=solo --loglevel=INFO"
    fleet.beside("twin", f"{worker} --without-mingle --without-gossip")


def settled(fleet):
    answers = fleet.host.inspect("stats")
    answers_once = len([node for node in answers if node == fleet.node(NODE)]) == 1
    return answers_once and " ready" in fleet.check("journalctl --unit=twin --no-pager")


def undo(fleet):
    fleet.host.on.run("systemctl stop twin")
