"""Workers do not answer: "No nodes replied within time constraint". The document restarts them all."""

from __future__ import annotations

import pytest
from helpers import APPS, host_named
from lab import Ledger, concluded, decided, moved, pids
from waiting import wait_for

pytestmark = pytest.mark.whole


def test_only_the_silent_worker_is_restarted():
    [app] = APPS
    silent = host_named("alpha").workers[0]
    before = pids()
    with Ledger(app.host, "provision_task", args=[0.2], queues=["mikrom:queue"], rate=4) as ledger:
        wait_for(lambda: len(ledger.done()) > 8, "tasks are done")
        silent.host.check(f"kill -STOP {silent.pid}")
        seen = concluded("health")
        assert seen.verdicts[silent.node] == ("stuck", "loop_stalled"), seen.causes
        assert [node for node in seen.unhealthy if node != silent.node] == []
        run = concluded("restart_idle")
        assert run.rc == 0, run.stdout
        assert run.restarted == [silent.node]
        well = decided(run)
        assert well.unhealthy == {}, well.causes
        assert ledger.lost() == {}
    assert set(ledger.done().values()) == {1}
    assert moved(before) == {silent.node}
