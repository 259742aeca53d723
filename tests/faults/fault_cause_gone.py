"""A start that failed, and whose cause is gone since: nobody but restart_idle would start it again."""

ROUND, NODE = "unseen", "child"
EXPECTED, ACTION = ("down", "start_failed"), "start"
EXITS = (2, 0)
LAID_OVER = "/run/systemd/system/shop-worker@child.service.d"


def inject(fleet):
    fleet.check(f"mkdir -p {LAID_OVER} && printf '[Service]\\nRestart=no\\n' > {LAID_OVER}/once.conf")
    fleet.check(f"systemctl daemon-reload && echo 'no json' > {fleet.settings_file(NODE)}")
    fleet.restart(NODE)


def settled(fleet):
    return fleet.host.on.run(f"systemctl is-failed {fleet.service(NODE).name}.service").rc == 0


def relieve(fleet):
    fleet.no_settings(NODE)


def undo(fleet):
    fleet.check(f"rm -rf {LAID_OVER} && systemctl daemon-reload")
