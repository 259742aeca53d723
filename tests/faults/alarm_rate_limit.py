"""Tasks wait for their rate limit: reserved, not begun, slots free. It looks like a hang of the pool."""

ROUND, NODE = "settings", "main"
EXPECTED, ACTION = ("healthy", "busy"), "none"


def inject(fleet):
    fleet.control(NODE, "rate_limit", task_name="shop.tasks.whoami", rate_limit="1/m")
    fleet.send("whoami", queue="main", times=3)


def settled(fleet):
    return fleet.heartbeats()[NODE]["reserved"] > 0


def undo(fleet):
    fleet.control(NODE, "rate_limit", task_name="shop.tasks.whoami", rate_limit=0)
