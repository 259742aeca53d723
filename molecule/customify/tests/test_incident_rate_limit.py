"""Designs stay in draft, slots are free, and nothing is wrong: their own annotation lets ten a minute through."""

from __future__ import annotations

import pytest
from customify_lab import designs, wait_until_well
from lab import concluded, pids
from waiting import wait_for


@pytest.mark.whole
def test_rate_limit_is_no_reason_to_restart():
    wait_until_well()
    before = pids()
    # Enough for two minutes, at ten a minute for each of the four.
    last = designs("create", "80")
    seen = concluded("health")
    assert seen.rc == 0, seen.stdout
    states = {(node["verdict"], node["activity"]) for node in seen.report["nodes"]}
    assert ("healthy", "rate_limited") in states, seen.causes
    assert {verdict for verdict, _activity in states} == {"healthy"}, seen.causes
    assert concluded("restart_idle").restarted == []
    assert pids() == before
    wait_for(lambda: designs("show", last)["status"] == "published", "the last design is published")
