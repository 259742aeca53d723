# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no single worker is guilty of."""

from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.conclusion import (
    failure,
    refuse_unknown,
    unhealed,
)
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.rules.stuck_fleets import loop_blocked
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import ExampleFleet, report_of


def with_orphans(fleet):
    return fleet.queue_says("orphans", ready=91000)


@pytest.mark.parametrize(
    ("fleet", "failing", "sentence"),
    [
        (ExampleFleet(), [], "Nothing to do."),
        (loop_blocked(), ["w1@web1"], "To do: run restart_idle, which restarts w1@web1."),
        (
            with_orphans(ExampleFleet()),
            ["uncovered_queue orphans"],
            "To do, for uncovered_queue orphans: declare the queue at a worker, or send the tasks to another one"
            " (docs/runbooks/uncovered_queue.md).",
        ),
        (ExampleFleet().queue_says(ready=5000), [], "Nothing to do at once; look by day at queue_backlog default."),
    ],
    ids=["healthy", "stuck", "error", "warning"],
)
def test_report_names_what_fails_and_what_to_do(fleet, failing, sentence):
    found = report_of(fleet)
    assert (found["failed"], found["to_do"]) == (failing, sentence)
    assert bool(failure(found)) == bool(failing)
    assert all(name in failure(found) for name in failing)


def test_report_fails_while_the_broker_does_not_answer():
    found = report_of(ExampleFleet(300, sentinel=False).broker_down())
    assert found["failed"][:2] == ["broker", "w1@web1"]
    assert found["to_do"] == "To do: fix the broker, or the way to it."
    assert failure(found).endswith("Failing: broker, w1@web1, w2@web1 and 298 more")


@pytest.mark.parametrize(
    ("fail_on", "failing"),
    [
        (["down"], []),
        (["loop_stalled"], ["w1@web1"]),
        (["warning"], ["queue_backlog default"]),
        (["queue_backlog"], ["queue_backlog default"]),
        ([], []),
    ],
)
def test_words_that_make_it_fail_are_verdicts_reasons_and_severities(fail_on, failing):
    assert report_of(loop_blocked().queue_says(ready=5000), fail_on=fail_on)["failed"] == failing


def test_unknown_words_are_refused():
    refuse_unknown(["stuck", "two_beats", "error", "probe_failed"])
    with pytest.raises(ValueError, match="fail_on has stuk, eror; expected verdicts"):
        refuse_unknown(["stuk", "down", "eror"])


def test_nodes_to_heal_that_are_not_well_are_named():
    found = report_of(loop_blocked())
    assert unhealed(found, ["stuck", "down"]) == ["w1@web1"]
    assert unhealed(found, ["down"]) == []
