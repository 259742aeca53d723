"""Workers 1 to N are up and idle, the others work, and the queue grows."""

from __future__ import annotations

import pytest
from breathecode_lab import DELIVER, HOST, path_lost, queue
from helpers import wait_until_content
from lab import Ledger, concluded, decided, moved, pids
from waiting import wait_for


@pytest.mark.parametrize("count", [1, pytest.param(7, marks=pytest.mark.whole)])
def test_idle_workers_are_named_and_restarted_and_no_others(count):
    wait_until_content(HOST.workers)
    idle, working = HOST.workers[:count], HOST.workers[count:]
    before = pids()
    # Five workers are too few for so many tasks, and twelve are not.
    with Ledger(HOST, task=DELIVER, args=[3], rate=3) as ledger:
        with path_lost(idle):
            wait_for(
                lambda: all(worker.heartbeat["problem"] == "connection_lost" for worker in idle),
                "they have lost the broker",
            )
            assert pids() == before, "nobody was restarted: all twelve are up"

            seen = concluded("health")
            assert seen.rc == 2, (seen.verdicts, seen.causes)
            # The connection is dead, and its work waits: at some moments the sentinel knows only the latter.
            reasons = {("stuck", "connection_lost"), ("stuck", "not_consuming")}
            named = {node for node, verdict in seen.verdicts.items() if verdict in reasons}
            assert named == {worker.node for worker in idle}, seen.causes
            assert {seen.verdicts[worker.node][0] for worker in working} == {"healthy"}, seen.causes
            if count == 7:
                grown = queue()
                assert grown["ready"] > 0
                wait_for(lambda: queue()["ready"] > grown["ready"], "the queue grows")

            # In one batch: five others work meanwhile.
            healed = concluded("restart_idle", celery_heal_max_fraction=0.6)
        assert healed.rc == 0, healed.stdout
        assert sorted(healed.restarted) == sorted(worker.node for worker in idle), healed.stdout
        assert {entry["verified"] for entry in healed.heal["restarted"]} == {True}
        assert moved(before) == {worker.node for worker in idle}
        # The queue drains, and nothing of it is lost.
        assert ledger.lost() == {}
    well = decided(healed)
    assert {verdict for verdict, _reason in well.verdicts.values()} == {"healthy"}, well.causes
    wait_for(lambda: queue()["ready"] == 0, "the queue has drained")
