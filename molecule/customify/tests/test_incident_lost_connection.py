"""It answers pings and lists its tasks, and takes none: what the document did not think of.

Pings come over one connection, tasks over another. The second is dead, and nothing is ever sent on it, so nobody notices.
"""

from __future__ import annotations

from customify_lab import EMAIL, HOST, WORKERS, half_open, wait_until_well
from lab import Ledger, concluded, decided, moved, pids
from waiting import wait_for


def test_worker_that_answers_and_never_takes_a_task_is_restarted():
    wait_until_well()
    worker, before = WORKERS["w1"], pids()
    with half_open(worker), Ledger(HOST, task=EMAIL, queues=["default", "high_priority"], rate=5) as ledger:
        wait_for(lambda: worker.heartbeat["problem"], "its sentinel notices")
        assert HOST.answers("ping", worker.node) == {worker.node: {"ok": "pong"}}
        assert EMAIL in HOST.answers("registered", worker.node)[worker.node]
        seen = concluded("health")
        # Which of the two shows first depends on what its sentinel sees first: no word from the broker, or no work taken.
        assert seen.verdicts[worker.node] in [("stuck", "connection_lost"), ("stuck", "not_consuming")], seen.causes
        others = {entry["verdict"] for entry in seen.report["nodes"] if entry["node"] != worker.node}
        assert others == {"healthy"}, seen.causes
        healed = concluded("restart_idle")
        assert healed.rc == 0, healed.stdout
        assert healed.restarted == [worker.node], healed.stdout
        well = decided(healed)
        assert {verdict for verdict, _reason in well.verdicts.values()} == {"healthy"}, well.causes
        assert ledger.lost() == {}
    assert moved(before) == {worker.node}
