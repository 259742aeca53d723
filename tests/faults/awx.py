"""Runs a playbook as AWX does: by ansible-runner, with extra variables only. AWX's own server cannot run here."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import ansible_runner
from waiting import RUN_PATIENCE


@dataclass
class Job:
    """A playbook that was run: what set_stats handed over, the names of its reports, and the tasks changed by host."""

    stats: dict
    reports: set
    changed: dict


def run_as_awx(tmp_path, name, **extra_vars):
    """Run a playbook, which must succeed and write nothing but its reports."""
    (tmp_path / "project").mkdir(exist_ok=True)
    reports = tmp_path / "reports"
    run = ansible_runner.run(
        private_data_dir=str(tmp_path),
        playbook=f"taskfleet.celery.{name}",
        cmdline=" ".join(f"--inventory={path}" for path in os.environ["TASKFLEET_INVENTORIES"].split(":")),
        extravars={"celery_report_dir": str(reports), **extra_vars},
        envvars={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        settings={"idle_timeout": RUN_PATIENCE, "pexpect_timeout": 5},
        quiet=True,
    )
    assert run.status == "successful", run.stdout.read()[-6000:]
    assert list((tmp_path / "project").iterdir()) == []
    [last] = [event["event_data"] for event in run.events if event["event"] == "playbook_on_stats"]
    written = {path.name for path in reports.iterdir()} if reports.exists() else set()
    return Job(last["artifact_data"], written, last["changed"])
