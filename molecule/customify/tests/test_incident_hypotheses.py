"""The document's three hypotheses, and the one that it did not think of, at once: one run of health tells them apart."""

from __future__ import annotations

import pytest
from customify_lab import HOST, STRANGER, WORKERS, database_hangs, half_open, stranger, wait_until_well
from helpers import deployed
from lab import concluded, moved, pids
from waiting import wait_for

RENDER = "app/infrastructure/workers/tasks/render_design.py"
FULL_NAME = "app.infrastructure.workers.tasks.render_design.render_design_preview"


def rename_task():
    """Do what the document proposes for its third hypothesis, on the host, and restart one worker with it."""
    path = f"{HOST.facts['source_dir']}/{RENDER}"
    HOST.check(f'sed -i \'s/name="render_design_preview"/name="{FULL_NAME}"/\' {path}')
    HOST.check(f"grep -c {FULL_NAME} {path}")
    WORKERS["w2"].stop()
    WORKERS["w2"].start()


@pytest.mark.whole
def test_one_look_tells_four_causes_apart():
    wait_until_well()
    before = pids()
    rename_task()
    wait_until_well([WORKERS["w2"]])
    with stranger(["default"]), half_open(WORKERS["w1"]):
        wait_for(lambda: WORKERS["w1"].heartbeat["problem"], "w1 has lost its connection")
        WORKERS["w3"].stop()
        with database_hangs():
            HOST.check(f"systemctl start --no-block {WORKERS['w3'].name}.service")
            wait_for(lambda: WORKERS["w3"].age > 12, "w3 has been starting for longer than it may")
            # For systemd, too, it has not started.
            assert HOST.on.run(f"systemctl is-active {WORKERS['w3'].name}.service").stdout.strip() == "activating"
            seen = concluded("health", celery_health_start_grace=10, celery_health_samples=3)
        assert seen.verdicts == {
            "w1@studio": ("stuck", "connection_lost"),
            "w2@studio": ("misconfigured", "missing_tasks"),
            "w3@studio": ("misconfigured", "result_backend_unreachable"),
            "w4@studio": ("misconfigured", "result_backend_unreachable"),
            STRANGER: ("misconfigured", "unexpected_node"),
        }, seen.causes
        assert "render_design_preview" in seen.causes["w2@studio"]
        assert "default" in seen.causes[STRANGER]
        wait_until_well([WORKERS["w3"]])

        held = pids()
        healed = concluded("restart_idle")
        assert healed.restarted == ["w1@studio"], healed.stdout
        assert moved(held) == {"w1@studio"}
    # The code as it should be, and the workers started with it that have been started with the other.
    for name in ("w1", "w2", "w3"):
        WORKERS[name].stop()
    deployed()
    wait_until_well()
    well = concluded("health")
    assert {verdict for verdict, _reason in well.verdicts.values()} == {"healthy"}, well.causes
    assert set(well.verdicts) == set(before)
