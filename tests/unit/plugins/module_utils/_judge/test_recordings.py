# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real incidents are judged as their files in tests/faults expect, by the evidence that was cited then."""

from __future__ import annotations

import json
import pathlib
import re

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._act.plan import plan, to_prove
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import finding_entry
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.recorded import (
    NAMES,
    OF_FINDINGS,
    OF_WORKERS,
    Recording,
)
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.scenes import is_found

ROOT = pathlib.Path(__file__).resolve().parents[5]


def test_recordings_are_of_incidents_of_the_lab():
    incidents = {path.stem for kind in ("fault", "alarm") for path in (ROOT / "tests/faults").glob(f"{kind}_*.py")}
    assert set(NAMES) <= incidents
    assert len(NAMES) >= 20


@pytest.mark.parametrize("name", NAMES)
def test_recording_says_what_it_is_from(name):
    content = Recording(name).content
    assert content["incident"] == name
    assert all(content["taken_on"][key] for key in ("celery", "kombu", "python", "broker", "os", "service_manager"))
    assert content["pool"] or name in OF_FINDINGS or content["expected"]["reason"] == "unexpected_node"


@pytest.mark.parametrize("name", NAMES)
def test_recording_has_no_password(name):
    given = json.dumps(Recording(name).given)
    assert {password.strip("*") for password in re.findall(r"://[^/:@ ]*:([^@ ]+)@", given)} <= {""}
    # Those of the lab are digests, and so is a script of Redis.
    assert not re.search(r"(?<!script: )\b[0-9a-f]{40,}\b", given)


@pytest.mark.parametrize("name", OF_WORKERS)
def test_recorded_worker(name):
    recording = Recording(name)
    expected, verdicts = recording.expected, recording.verdicts()
    assert sorted(verdict["node"] for verdict in verdicts) == sorted(recording.nodes)
    for verdict in verdicts:
        is_found(verdict, expected["reason"])
        assert verdict["verdict"] == expected["verdict"]
    cited = [f"{cite['source']} {cite['item']}" for cite in verdicts[0]["evidence"]["decided_by"]]
    assert (verdicts[0]["activity"], cited) == (expected["activity"], expected["cites"])


@pytest.mark.parametrize("name", OF_FINDINGS)
def test_recorded_finding(name):
    recording = Recording(name)
    (finding,) = [
        one for one in recording.judge()["report"]["findings"] if one["reason"] == recording.expected["finding"]
    ]
    assert finding_entry(finding["reason"]).items() <= finding.items()


@pytest.mark.parametrize("name", OF_WORKERS)
def test_only_a_recorded_worker_that_needs_it_is_planned_to_be_touched(name):
    recording = Recording(name)
    report = recording.judge()["report"]
    proofs = dict.fromkeys((one["node"] for one in to_prove(report)), "")
    for given in ({}, proofs):
        touched = {step["node"]: step["action"] for batch in plan(report, proofs=given)["batches"] for step in batch}
        unproven = {"start_if_proven": "start" if given else "none"}
        for verdict in recording.verdicts():
            assert touched.get(verdict["node"], "none") == unproven.get(verdict["action"], verdict["action"])
