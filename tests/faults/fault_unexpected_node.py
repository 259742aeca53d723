"""A developer's laptop consumes from the production broker: it answers, and nobody has declared it."""

ROUND, NODE = "deployed", "laptop"
EXPECTED, ACTION = ("misconfigured", "unexpected_node"), "none"
EXITS = (0, 0)


def inject(fleet):
    worker = "celery -A shop.celery worker --hostname=laptop@home --queues=default --pool=solo --loglevel=INFO"
    fleet.beside("laptop", f"{worker} --without-mingle --without-gossip")


def settled(fleet):
    return "laptop@home" in fleet.host.inspect("ping")


def undo(fleet):
    fleet.host.on.run("systemctl stop laptop")
