"""A rolling restart under load: never too many of a queue away, no task lost, and it goes on where it stopped."""

from __future__ import annotations

import json
import threading
from collections import Counter

import pytest
from incidents import PATIENCE, LabFleet, steady_tasks
from lab import moved, pids, playbook, report_directory


@pytest.fixture
def fleet():
    fleet = LabFleet()
    fleet.wait_well()
    yield fleet
    if fleet.unhealthy():
        fleet.fix()


def away(fleet):
    """Return the workers that end, are gone, or start; none where one came or went during the look.

    By what their sentinels wrote last, however long ago: while the machine stands still, they write nothing.
    """
    running, heartbeats = pids(), fleet.heartbeats()
    if pids() != running:
        return []

    def is_there(worker):
        heartbeat = heartbeats.get(worker.instance)
        if heartbeat is None:  # that of `blind` writes none
            return running[worker.node] != 0
        return heartbeat["pid"] == running[worker.node] and heartbeat["state"] not in ("starting", "draining")

    return [worker.instance for worker in fleet.host.workers if not is_there(worker)]


class Away(threading.Thread):
    """Notes how many workers of each queue were away at once, at most."""

    def __init__(self, fleet):
        super().__init__(daemon=True)
        self.fleet = fleet
        self.queues = {worker.instance: worker.queues for worker in fleet.host.workers}
        self.most = Counter()
        self.over = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def run(self):
        """Look until nobody asks any more."""
        while not self.over.wait(1):
            self.most |= Counter(queue for name in away(self.fleet) for queue in self.queues[name])

    def __exit__(self, *_error):
        looked = self.is_alive()
        self.over.set()
        self.join()
        assert looked, "a look at the fleet failed, so nobody knows who was away after it"


def rolling(directory, **options):
    """Run rolling_restart; return whether it succeeded, and its record."""
    run = playbook("rolling_restart", celery_report_dir=str(directory), **PATIENCE, **options)
    return run.rc == 0, json.loads((directory / "rolling.json").read_text(encoding="utf-8")), run.stdout


@pytest.mark.whole
def test_rolling_restart_stops_at_the_first_failure_and_goes_on_there(fleet):
    nodes, broken, directory = set(pids()), fleet.node("main"), report_directory("rolling_restart")
    with steady_tasks(fleet.host) as ledger, Away(fleet) as watch:
        before = pids()
        # It cannot read its settings, so it does not come back.
        fleet.check(f"sh -c 'echo nonsense > {fleet.settings_file('main')}'")
        succeeded, record, said = rolling(directory, celery_heal_verify_attempts=3)
        assert not succeeded
        done = set(record["done"])
        assert [one["node"] for one in record["restarted"] if not one["verified"]] == [broken], said
        assert done, "none was restarted before the one that did not come back"
        assert {one["node"] for one in record["left_alone"]} == nodes - done - {broken}
        assert moved(before) == done | {broken}

        fleet.no_settings("main")
        # systemd has given up, and nothing else starts it again.
        fleet.check("systemctl reset-failed")
        fleet.restart("main")
        fleet.wait_well()
        before = pids()
        succeeded, record, said = rolling(directory, celery_rolling_resume=True)
        assert succeeded, said
        assert (set(record["done"]), moved(before)) == (nodes, nodes - done)
        assert ledger.lost() == {}
    # Four workers are on `default`, two on `orders`: by the fraction of a third, one may be away.
    assert (watch.most["default"], watch.most["orders"]) == (1, 1)
