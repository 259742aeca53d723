"""Settings that nobody can read, after a bad deploy: the worker ends at each start, and the service manager tries on."""

ROUND, NODE = "deployed", "main"
EXPECTED, ACTION = ("down", "crash_looping"), "none"
EXITS = (2, 2)
WHEN = "early"
MOVES = True


def inject(fleet):
    fleet.check(f"echo 'no json' > {fleet.settings_file(NODE)}")
    fleet.restart(NODE)


def settled(fleet):
    return int(fleet.check(f"systemctl show --property=NRestarts --value {fleet.service(NODE).name}.service")) >= 3


def undo(fleet):
    fleet.check(f"systemctl reset-failed {fleet.service(NODE).name}.service")
    fleet.restart_with(NODE)
