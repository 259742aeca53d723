"""Tasks that wait for their rate limit fill a worker up, its slots are free, and more wait: it looks like `not_consuming`."""

ROUND, NODE = "settings", "main"
EXPECTED, ACTION = ("healthy", "busy"), "none"
EXITS = (0, 0)
MOVES = True


def inject(fleet):
    fleet.control(NODE, "rate_limit", task_name="shop.tasks.whoami", rate_limit="1/m")
    fleet.send("whoami", queue="main", times=40)


def settled(fleet):
    return fleet.heartbeats()[NODE]["limited"] > 0 and fleet.redis("LLEN", "main") != "0"


def undo(fleet):
    # Taking the limit away would leave those at hand to the old one.
    fleet.restart(NODE)
