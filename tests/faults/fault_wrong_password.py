"""Somebody has changed the broker's password: whoever is connected stays, and nobody else gets in, the probe least of all.

Workers with a sentinel speak for themselves. Of one without, nothing can be known, and nobody is restarted: none would
come back.
"""

ROUND, NODE = "wrong_password", "blind"
EXPECTED, ACTION = ("unknown", "broker_unreachable"), "none"
EXITS = (2, 2)


def inject(fleet):
    fleet.redis("CONFIG", "SET", "requirepass", "another")


def undo(fleet):
    fleet.check(
        f"REDISCLI_AUTH=another redis-cli --no-auth-warning CONFIG SET requirepass {fleet.host.secrets['broker']}"
    )
