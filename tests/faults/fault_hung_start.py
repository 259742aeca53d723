"""A worker waits at its start for something that never comes: here for its settings, from a pipe that nobody writes.

It is up for the service manager, and never becomes ready, as in celery#1664 and celery#1847.
"""

ROUND, NODE = "alone", "start"
EXPECTED, ACTION = ("stuck", "hung_in_startup"), "restart"
EXITS = (2, 0)
WHEN = "early"


def inject(fleet):
    path = fleet.settings_file(NODE)
    fleet.check(f"mkfifo --mode=0644 {path}")
    fleet.restart(NODE)


def settled(fleet):
    worker = fleet.service(NODE)
    shown = fleet.check(f"systemctl show --property=ActiveState {worker.name}.service")
    # Past the start_grace of its instance.
    return "activating" in shown and worker.age > 40


def relieve(fleet):
    fleet.no_settings(NODE)
