"""A worker is killed, and its service manager was told to leave it: its pool ends with it."""

ROUND, NODE = "deeper", "child"
EXPECTED, ACTION = ("down", "not_running"), "start"
EXITS = (2, 0)
LAID_OVER = "/run/systemd/system/shop-worker@child.service.d"


def inject(fleet):
    fleet.check(f"mkdir -p {LAID_OVER} && printf '[Service]\\nRestart=no\\n' > {LAID_OVER}/once.conf")
    fleet.check("systemctl daemon-reload")
    fleet.signal("KILL", fleet.pid(NODE))


def settled(fleet):
    return not fleet.pid(NODE)


def undo(fleet):
    fleet.check(f"rm -rf {LAID_OVER} && systemctl daemon-reload")
