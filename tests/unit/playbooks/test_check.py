# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook check, as it is run. The hosts of the example are not there."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


def check(playbook="check", limit="all", **variables):
    command = [sys.executable, "-m", "ansible", "playbook", "-i", str(ROOT / "inventories/example"), "--limit", limit]
    environment = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(ROOT.parents[2]), ANSIBLE_NOCOLOR="1")
    return subprocess.run(
        [*command, f"taskfleet.celery.{playbook}", "-e", json.dumps(variables)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )


def changes(run):
    return set(re.findall(r"changed=(\d+)", run.stdout))


def test_example_has_no_problem():
    run = check(limit="broker1")
    assert run.returncode == 0, run.stdout
    assert changes(run) == {"0"}


@pytest.mark.parametrize("playbook", ["check", "deploy"])
def test_misspelt_key_is_refused_before_anything_changes(playbook):
    run = check(playbook, celery_app_source={"versoin": 1})
    assert run.returncode != 0
    assert "did you mean version" in run.stdout
    assert changes(run) == {"0"}


def test_problems_of_all_roles_are_said_at_once():
    run = check(celery_app_broker_url="x", celery_flower_port=99999, celery_beat_loglevel="LOUD")
    assert run.returncode != 0
    summary = run.stdout.partition("Refused, and nothing was changed.")[2]
    assert "celery_app on broker1, worker1 and worker2: Preflight found 1 problem" in summary
    assert "celery_flower on broker1: Preflight found 1 problem" in summary
    assert "celery_beat on worker1: Validation of arguments failed" in summary
    assert changes(run) == {"0"}
