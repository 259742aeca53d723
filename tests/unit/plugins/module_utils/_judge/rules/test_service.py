# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that are down, start or stop."""

from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.recorded import is_judged
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.rules.service_fleets import FLEETS
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import ExampleFleet
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.scenes import is_found

SAYS = "2026-11-21T18:08:25+00:00 omega shop-worker@w1[1908]: "
SYSTEMD = "2026-11-21T18:08:30+00:00 omega systemd[1]: "


# Of a real incident, with its heartbeats or without: the rule that decides, the reason, and what is cited.
RECORDED = [
    ("alarm_slow_start", True, "starting", "starting", ["host main.age", "host service.state"]),
    ("alarm_solo_busy", False, "starting", "starting", ["host main.age"]),
    ("fault_control_off", False, "starting", "starting", ["host main.age"]),
    ("fault_crash_loop", True, "crash_looping", "crash_looping", ["host service.restarts", "host service.state"]),
    ("fault_duplicate_name", True, "duplicate_name", "duplicate_name", ["control duplicates"]),
    ("fault_hung_start", True, "hung_in_startup", "hung_in_startup", ["host service.state", "host main.age"]),
    ("fault_hung_start", False, "hung_in_startup", "hung_in_startup", ["host service.state", "host main.age"]),
    ("fault_killed_at_work", True, "not_running", "not_running", ["host service.state"]),
    ("fault_start_failed", True, "start_failed", "start_failed", ["host service.state"]),
    ("fault_stopped_service", True, "not_running", "not_running", ["host service.state"]),
]


@pytest.mark.parametrize(("name", "sentinel", "rule", "reason", "cited"), RECORDED)
def test_recorded_service(name, sentinel, rule, reason, cited):
    is_judged(name, sentinel, f"service.{rule}", reason, cited)


@pytest.mark.parametrize(("scene", "reason"), FLEETS, ids=[scene.__name__ for scene, _reason in FLEETS])
def test_built_service(scene, reason):
    is_found(scene().verdict(), reason)


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ([SAYS + "ImportError: no shop", SYSTEMD + "Failed with result 'exit-code'.", ""], ": ImportError: no shop"),
        ([SYSTEMD + "Unit has been masked.", " "], ": Unit has been masked."),
        (["Traceback", "OSError: no shop: gone"], ": OSError: no shop: gone"),
        ([], "."),
    ],
)
def test_why_it_does_not_start_is_told_in_its_own_words(lines, cause):
    fleet = ExampleFleet(sentinel=False).gone().service_says(state="failed", substate="failed", result="exit-code")
    for look in fleet.looks():
        look["log"]["lines"] = lines
    assert fleet.verdict()["cause"] == f"It could not be started (exit-code){cause}"


@pytest.mark.parametrize(("restarts", "reason"), [(0, "starting"), (2, "starting"), (3, "crash_looping")])
def test_a_process_that_ended_in_the_look_ended_in_its_start(restarts, reason):
    verdict = ExampleFleet().gone(state="activating", substate="start", restarts=restarts, main_pid=1000).verdict()
    assert verdict["reason"] == reason


STAMP = "2026-11-28T07:22:45+00:00 web1"
TIMED_OUT = f"{STAMP} systemd[1]: shop-worker@w1.service: start operation timed out. Terminating."
IMPORTS = f"{STAMP} shop-worker@w1[70]: import of shop.celery"
STARTED = f"{STAMP} systemd[1]: Started shop-worker@w1.service - Celery worker w1 of shop."


@pytest.mark.parametrize(
    ("lines", "says", "reason"),
    [
        ([IMPORTS], {}, "starting"),
        ([IMPORTS, TIMED_OUT], {}, "start_failed"),
        ([IMPORTS, TIMED_OUT, IMPORTS], {}, "start_failed"),
        ([TIMED_OUT, STARTED, IMPORTS], {}, "starting"),
        ([IMPORTS], {"substate": "auto-restart", "result": "timeout"}, "start_failed"),
        ([IMPORTS], {"substate": "auto-restart", "result": "exit-code"}, "starting"),
    ],
    ids=["first start", "ended", "second start", "ready in between", "waits after a timeout", "waits after an exit"],
)
def test_start_after_one_that_timed_out_is_not_just_starting(lines, says, reason):
    fleet = ExampleFleet(sentinel=False).silent().main_says(age=5.0)
    fleet.service_says(**{"state": "activating", "substate": "start", "restarts": 1, **says})
    for look in fleet.looks():
        look["log"]["lines"] = lines
    verdict = fleet.verdict()
    assert verdict["reason"] == reason
    if reason == "start_failed":
        assert verdict["cause"].endswith("it is being started again: import of shop.celery")


@pytest.mark.parametrize(
    ("says", "is_named"),
    [
        ({"result": "signal", "exit_signal": 9}, True),
        ({"result": "oom-kill", "exit_signal": None}, True),
        ({"result": "signal", "exit_signal": 15}, False),
        ({"result": "exit-code", "exit_code": 1}, False),
        ({"result": "signal", "exit_signal": 9, "memory_limit_bytes": None}, False),
    ],
)
def test_a_memory_limit_is_named_where_it_may_have_been_met(says, is_named):
    service = {"substate": "auto-restart", "restarts": 7, "memory_limit_bytes": 30 << 20, **says}
    verdict = ExampleFleet(sentinel=False).gone(state="activating", **service).verdict()
    assert verdict["reason"] == "crash_looping"
    assert ("its memory is limited to 30 MiB" in verdict["cause"]) is is_named
    assert ("service.memory_limit_bytes" in {one["item"] for one in verdict["evidence"]["decided_by"]}) is is_named


@pytest.mark.parametrize("restarts", [0, 7])
@pytest.mark.parametrize("state", ["failed", "activating"])
def test_whether_the_service_manager_has_given_up_is_cited(state, restarts):
    fleet = ExampleFleet(sentinel=False).gone(
        state=state, substate="auto-restart", result="exit-code", restarts=restarts
    )
    cited = {one["item"]: one["readings"] for one in fleet.verdict()["evidence"]["decided_by"]}
    assert (cited.get("service.state") == ["failed"] * 2) is (state == "failed")
