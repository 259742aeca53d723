"""Somebody has changed the broker's password: whoever is connected stays, and nobody else gets in."""

ROUND, NODE = "wrong_password", ""
EXPECTED, ACTION = ("unknown", "broker_refusing"), "none"


def inject(fleet):
    fleet.redis("CONFIG", "SET", "requirepass", "another")


def undo(fleet):
    fleet.check(
        f"REDISCLI_AUTH=another redis-cli --no-auth-warning CONFIG SET requirepass {fleet.host.secrets['broker']}"
    )
