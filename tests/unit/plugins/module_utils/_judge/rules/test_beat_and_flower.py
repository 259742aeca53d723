# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Beat and Flower, of which the host alone tells."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import ExampleFleet


def beats(fleet, **values):
    for sample in fleet.hosts["web1"]:
        heartbeat = {
            "schema": 1,
            "kind": "beat",
            "pid": 700,
            "state": "ready",
            "problem": "",
            "detail": "",
            "written_at": sample["at"] - 0.5,
            "ticks_total": 5,
        }
        sample["result"]["beat"]["heartbeat"] = dict(heartbeat, **values)
    return fleet


def change(fleet, kind, call):
    for number, sample in enumerate(fleet.hosts["web1"]):
        call(sample["result"][kind], number)
    return fleet


def reason_of(fleet, kind):
    return fleet.judge()[kind]["reason"]


def test_no_beat_is_declared():
    assert ExampleFleet().judge()["beat"] is None


def test_beat():
    assert reason_of(beats(ExampleFleet().with_service("beat")), "beat") == "busy"
    unproven = ExampleFleet().with_service("beat").judge()["beat"]
    assert (unproven["verdict"], unproven["activity"]) == ("healthy", "idle_unproven")
    assert (
        reason_of(beats(ExampleFleet().with_service("beat"), problem="loop_stalled", detail="overdue by 60 s"), "beat")
        == "loop_stalled"
    )
    assert reason_of(beats(ExampleFleet().with_service("beat"), state="broker_down"), "beat") == "broker_unreachable"
    assert reason_of(ExampleFleet().with_service("beat").broker_down(), "beat") == "broker_unreachable"
    assert reason_of(ExampleFleet().with_service("beat").broker_refuses(), "beat") == "broker_refusing"
    assert reason_of(ExampleFleet().with_service("beat").host_lost(), "beat") == "host_unreachable"


def test_beat_is_deadlocked_or_stopped():
    fleet = ExampleFleet().with_service("beat")
    change(fleet, "beat", lambda seen, _number: seen["processes"][0].update(wchan="futex_wait_queue"))
    assert reason_of(fleet, "beat") == "loop_stalled"
    change(fleet, "beat", lambda seen, _number: seen["processes"][0].update(threads=3))
    assert reason_of(fleet, "beat") == "idle"
    change(fleet, "beat", lambda seen, _number: seen["processes"][0].update(state="T"))
    assert reason_of(fleet, "beat") == "loop_stalled"


def test_beat_is_down():
    fleet = ExampleFleet()
    fleet.expected["beat"] = {"host": "web1"}
    assert reason_of(fleet, "beat") == "not_running"

    def damaged(seen, number):
        seen.update(processes=[], log={"lines": ["_dbm.error: cannot add item to database"]})
        seen["service"].update(state="activating", substate="auto-restart", restarts=5 + number, main_pid=0)

    verdict = change(ExampleFleet().with_service("beat"), "beat", damaged).judge()["beat"]
    # restart_idle starts workers only.
    assert (verdict["verdict"], verdict["reason"], verdict["action"]) == ("down", "crash_looping", "none")
    assert "_dbm.error" in verdict["cause"]

    def ended(seen, _number):
        seen.update(processes=[])
        seen["service"].update(state="failed", result="exit-code", main_pid=0, exit_code=2)

    assert reason_of(change(ExampleFleet().with_service("beat"), "beat", ended), "beat") == "start_failed"


def test_beat_starts_and_stops():
    young = change(
        ExampleFleet().with_service("beat"), "beat", lambda seen, _number: seen["processes"][0].update(age=3.0)
    )
    assert reason_of(young, "beat") == "starting"
    ends = change(
        ExampleFleet().with_service("beat"), "beat", lambda seen, _number: seen["service"].update(state="deactivating")
    )
    assert reason_of(ends, "beat") == "draining"


def test_flower():
    assert reason_of(ExampleFleet().with_service("flower"), "flower") == "idle"
    assert reason_of(with_pages(True, True), "flower") == "busy"
    assert reason_of(with_pages(False, False), "flower") == "loop_stalled"
    assert reason_of(with_pages(False, True), "flower") == "busy"
    assert reason_of(with_pages(None, False), "flower") == "idle"


def with_pages(*answers):
    def page(seen, number):
        if answers[number] is not None:
            seen["page"] = {"ok": answers[number], "error": "" if answers[number] else "timed out"}

    return change(ExampleFleet().with_service("flower"), "flower", page)
