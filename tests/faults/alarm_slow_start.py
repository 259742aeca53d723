"""A worker takes long to start, within the time that was declared for it."""

from waiting import PATIENCE

ROUND, NODE = "deployed", "solo"
EXPECTED, ACTION = ("starting", "starting"), "none"
EXITS = (0, 0)
MOVES = True
WHEN = "late"


def inject(fleet):
    fleet.check(f"mkfifo --mode=0644 {fleet.settings_file(NODE)}")
    fleet.restart(NODE)


def undo(fleet):
    fleet.check(f"timeout {PATIENCE} sh -c \"echo '{{}}' > {fleet.settings_file(NODE)}\"")
    fleet.no_settings(NODE)
