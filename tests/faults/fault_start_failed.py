"""The same where an operator has told the service manager not to try again."""

ROUND, NODE = "deployed", "child"
EXPECTED, ACTION = ("down", "start_failed"), "none"
EXITS = (2, 2)
MOVES = True
LAID_OVER = "/run/systemd/system/shop-worker@child.service.d"


def inject(fleet):
    fleet.check(f"mkdir -p {LAID_OVER} && printf '[Service]\\nRestart=no\\n' > {LAID_OVER}/once.conf")
    fleet.check(f"systemctl daemon-reload && echo 'no json' > {fleet.settings_file(NODE)}")
    fleet.restart(NODE)


def settled(fleet):
    return fleet.host.on.run(f"systemctl is-failed {fleet.service(NODE).name}.service").rc == 0


def undo(fleet):
    fleet.check(f"rm -rf {LAID_OVER} && systemctl daemon-reload")
    fleet.check(f"systemctl reset-failed {fleet.service(NODE).name}.service")
    fleet.restart_with(NODE)
