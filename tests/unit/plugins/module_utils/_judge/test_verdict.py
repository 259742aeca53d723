# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging. Most evidence is built from measured facts (see faults.py and alarms.py); RECORDED has what real faults left."""

from __future__ import annotations

import json
import pathlib

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import FINDINGS, REASONS
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.verdict import judge
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.alarms import ALARMS
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.faults import FAULTS
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import T0, ExampleFleet, task

ELSEWHERE = {"busy", "idle", "saturated", "starting", "draining", "unexpected_node"}


def outcome(told):
    return told["verdict"], told["reason"]


@pytest.mark.parametrize(("fault", "reason"), FAULTS, ids=[fault.__name__ for fault, _reason in FAULTS])
def test_fault(fault, reason):
    told = fault().verdict()
    assert outcome(told) == (REASONS[reason][0], reason), told["cause"]
    assert told["cause"].endswith(".") or ":" in told["cause"]
    assert told["runbook"] == f"docs/runbooks/{reason}.md"
    assert told["remedy"] == REASONS[reason][2]


@pytest.mark.parametrize(("alarm", "reason"), ALARMS, ids=[alarm.__name__ for alarm, _reason in ALARMS])
def test_what_only_looks_like_a_fault(alarm, reason):
    told = alarm().verdict()
    assert outcome(told) == (REASONS[reason][0], reason), told["cause"]


def test_every_reason_is_reached():
    assert {reason for _fault, reason in FAULTS} | ELSEWHERE == set(REASONS)


def test_a_fault_of_one_node_is_not_put_on_its_neighbours():
    alone = {"hung_in_startup", "loop_stalled", "connection_lost", "pool_dead", "crash_looping", "duplicate_name"}
    for fault, reason in FAULTS:
        if reason in alone and fault().transport == "redis":
            others = {told["reason"] for node, told in fault().verdicts().items() if node != "w1@web1"}
            assert others <= {"idle", "busy", "not_consuming"}, fault.__name__


@pytest.mark.parametrize(("fault", "reason"), [pair for pair in FAULTS if REASONS[pair[1]][0] == "stuck"])
def test_stuck_needs_a_second_sample(fault, reason):
    fleet = fault()
    fleet.control, fleet.broker = fleet.control[:1], fleet.broker[:1]
    for host in fleet.hosts:
        fleet.hosts[host] = fleet.hosts[host][:1]
        for look in fleet.hosts[host][0]["result"]["instances"].values():
            look["sample_seconds"] = 0
    assert fleet.verdict()["verdict"] != "stuck"


@pytest.mark.parametrize(("fault", "reason"), [pair for pair in FAULTS if REASONS[pair[1]][0] == "stuck"])
def test_nobody_is_stuck_without_a_broker(fault, reason):
    for break_broker in (ExampleFleet.broker_down, ExampleFleet.broker_refuses):
        verdicts = break_broker(fault()).verdicts()
        assert "stuck" not in {told["verdict"] for told in verdicts.values()}


@pytest.mark.parametrize("sentinel", [True, False])
def test_busy(sentinel):
    running = [[task(started=T0 - 10, pid=1001)]] * 2
    told = ExampleFleet(sentinel=sentinel).set_reply("active", running).total(100, 101).verdict()
    assert (outcome(told), told["activity"]) == (("healthy", "busy"), "busy")


def test_saturated():
    running = [[task(number=1, started=T0 - 10, pid=1001), task(number=2, started=T0 - 9, pid=1002)]] * 2
    told = ExampleFleet(sentinel=False).set_reply("active", running).work_waits().verdict()
    assert outcome(told) == ("healthy", "saturated")
    assert "2 slots" in told["cause"]


def test_an_idle_node_is_healthy_and_unproven():
    told = ExampleFleet(sentinel=False).verdict()
    assert (outcome(told), told["activity"]) == (("healthy", "idle"), "idle_unproven")
    assert ExampleFleet().verdict()["activity"] == "idle"


def test_rate_limited_and_scheduled_are_activities():
    by_name = {alarm.__name__: alarm for alarm, _reason in ALARMS}
    assert by_name["rate_limited"]().verdict()["activity"] == "rate_limited"
    assert by_name["rate_limited_and_blind"]().verdict()["activity"] == "rate_limited"
    assert by_name["normal_schedule"]().verdict()["activity"] == "scheduled"


def test_rate_limit_of_an_application_with_a_namespace():
    fleet = ExampleFleet(sentinel=False).queue_says(unacked=8)
    fleet.set_reply("conf", [{"CELERY_TASK_DEFAULT_RATE_LIMIT": "1/h"}] * 2)
    assert fleet.verdict()["activity"] == "rate_limited"


def test_a_rate_limit_does_not_excuse_who_holds_nothing():
    limits = [{"shop.add": "1/h"}] * 2
    blind = ExampleFleet(sentinel=False).work_waits().set_reply("rate_limits", limits)
    watched = ExampleFleet().work_waits().set_reply("rate_limits", limits).beat_says(problem="not_consuming")
    assert outcome(blind.verdict()) == outcome(watched.verdict()) == ("stuck", "not_consuming")


def test_tasks_that_others_account_for_do_not_wait_for_a_limit():
    fleet = ExampleFleet(sentinel=False).queue_says(unacked=1).set_reply("rate_limits", [{"shop.add": "1/h"}] * 2)
    fleet.set_reply("active", [[task(number=1, started=T0 - 10, pid=2001)]] * 2, node="w2@web1")
    assert fleet.verdict()["activity"] != "rate_limited"


def test_a_node_that_nobody_declared():
    fleet = ExampleFleet()
    fleet.expected["nodes"] = [node for node in fleet.expected["nodes"] if node["node"] != "w1@web1"]
    told = fleet.verdict()
    assert outcome(told) == ("misconfigured", "unexpected_node")
    assert (told["host"], told["evidence"]["seen"]["queues"]) == ("web1", ["default"])
    assert "default" in told["cause"]


def test_a_node_declared_as_stopped():
    fleet = ExampleFleet().gone()
    fleet.declared()["state"] = "stopped"
    assert "w1@web1" not in fleet.verdicts()
    fleet = ExampleFleet()
    fleet.declared()["state"] = "stopped"
    assert outcome(fleet.verdict()) == ("misconfigured", "unexpected_node")


def test_missing_evidence_is_named():
    told = ExampleFleet(sentinel=False).host_lost().verdict()
    assert "no route to host" in told["evidence"]["missing"]["host"]
    told = pong_only().verdict()
    assert set(told["evidence"]["missing"]) >= {"host", "clients", "queues"}


def pong_only():
    return next(fault for fault, _reason in FAULTS if fault.__name__ == "pong_alone")()


SAYS = "2026-11-21T18:08:25+00:00 omega shop-worker@w1[1908]: "
SYSTEMD = "2026-11-21T18:08:30+00:00 omega systemd[1]: "


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
    told = ExampleFleet().gone(state="activating", substate="start", restarts=restarts, main_pid=1000).verdict()
    assert told["reason"] == reason


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
    told = ExampleFleet(sentinel=False).gone(state="activating", **service).verdict()
    assert told["reason"] == "crash_looping"
    assert ("its memory is limited to 30 MiB" in told["cause"]) is is_named


def test_since_is_a_time():
    told = next(fault for fault, _reason in FAULTS if fault.__name__ == "loop_blocked")().verdict()
    assert told["since"] == "2026-09-21T14:12:40Z"


# -- Beat and Flower


def with_service(kind, **more):
    fleet = ExampleFleet()
    fleet.expected[kind] = {"host": "web1"}
    for sample in fleet.hosts["web1"]:
        sample["result"][kind] = fleet.entry(kind, "", 700, **more)
    return fleet


def beats(fleet, **values):
    for sample in fleet.hosts["web1"]:
        told = {
            "schema": 1,
            "kind": "beat",
            "pid": 700,
            "state": "ready",
            "problem": "",
            "detail": "",
            "written_at": sample["at"] - 0.5,
            "ticks_total": 5,
        }
        sample["result"]["beat"]["heartbeat"] = dict(told, **values)
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
    assert reason_of(beats(with_service("beat")), "beat") == "busy"
    unproven = with_service("beat").judge()["beat"]
    assert (unproven["verdict"], unproven["activity"]) == ("healthy", "idle_unproven")
    assert (
        reason_of(beats(with_service("beat"), problem="loop_stalled", detail="overdue by 60 s"), "beat")
        == "loop_stalled"
    )
    assert reason_of(beats(with_service("beat"), state="broker_down"), "beat") == "broker_unreachable"
    assert reason_of(with_service("beat").broker_down(), "beat") == "broker_unreachable"
    assert reason_of(with_service("beat").broker_refuses(), "beat") == "broker_refusing"
    assert reason_of(with_service("beat").host_lost(), "beat") == "host_unreachable"


def test_beat_is_deadlocked_or_stopped():
    fleet = with_service("beat")
    change(fleet, "beat", lambda told, _number: told["processes"][0].update(wchan="futex_wait_queue"))
    assert reason_of(fleet, "beat") == "loop_stalled"
    change(fleet, "beat", lambda told, _number: told["processes"][0].update(threads=3))
    assert reason_of(fleet, "beat") == "idle"
    change(fleet, "beat", lambda told, _number: told["processes"][0].update(state="T"))
    assert reason_of(fleet, "beat") == "loop_stalled"


def test_beat_is_down():
    fleet = ExampleFleet()
    fleet.expected["beat"] = {"host": "web1"}
    assert reason_of(fleet, "beat") == "not_running"

    def damaged(told, number):
        told.update(processes=[], log={"lines": ["_dbm.error: cannot add item to database"]})
        told["service"].update(state="activating", substate="auto-restart", restarts=5 + number, main_pid=0)

    told = change(with_service("beat"), "beat", damaged).judge()["beat"]
    assert (told["verdict"], told["reason"]) == ("down", "crash_looping")
    assert "_dbm.error" in told["cause"]

    def ended(told, _number):
        told.update(processes=[])
        told["service"].update(state="failed", result="exit-code", main_pid=0, exit_code=2)

    assert reason_of(change(with_service("beat"), "beat", ended), "beat") == "start_failed"


def test_beat_starts_and_stops():
    young = change(with_service("beat"), "beat", lambda told, _number: told["processes"][0].update(age=3.0))
    assert reason_of(young, "beat") == "starting"
    ends = change(with_service("beat"), "beat", lambda told, _number: told["service"].update(state="deactivating"))
    assert reason_of(ends, "beat") == "draining"


def test_flower():
    assert reason_of(with_service("flower"), "flower") == "idle"
    assert reason_of(with_pages(True, True), "flower") == "busy"
    assert reason_of(with_pages(False, False), "flower") == "loop_stalled"
    assert reason_of(with_pages(False, True), "flower") == "busy"
    assert reason_of(with_pages(None, False), "flower") == "idle"


def with_pages(*answers):
    def page(told, number):
        if answers[number] is not None:
            told["page"] = {"ok": answers[number], "error": "" if answers[number] else "timed out"}

    return change(with_service("flower"), "flower", page)


# -- Findings


def findings(fleet, **policy):
    return {told["reason"]: told for told in fleet.judge(**policy)["findings"]}


def test_a_healthy_fleet_has_no_findings():
    assert findings(ExampleFleet()) == {}


def fact(name, value):
    fleet = ExampleFleet()
    fleet.facts[name] = value
    return fleet


def full_disk(**values):
    fleet = ExampleFleet()
    for sample in fleet.hosts["web2"]:
        sample["result"]["disks"][0].update(values)
    return fleet


def second_beat():
    fleet = with_service("beat")
    for sample in fleet.hosts["web2"]:
        sample["result"]["strays"] = [{"pid": 42, "kind": "worker", "embedded_beat": True, "node": "celery@web2"}]
    return fleet


def short_visibility(name="broker_transport_options"):
    conf = {name: {"visibility_timeout": 10}}
    return ExampleFleet().set_reply("conf", [conf, conf])


SUBJECTS = [
    ("uncovered_queue", ExampleFleet().queue_says("orphans", ready=5), "orphans"),
    ("queue_backlog", ExampleFleet().total(1, 9).queue_says(ready=(900, 1001)), "default"),
    ("failures", fact("failures", {"count": 11, "window": 3600}), "tasks"),
    ("eviction_policy", fact("eviction_policy", "allkeys-lru"), "broker"),
    ("visibility_timeout_short", short_visibility(), "broker"),
    ("broker_alarm", fact("alarms", ["disk"]), "broker"),
    ("orphan_reply_keys", fact("orphan_reply_keys", 1693), "broker"),
    ("disk_full", full_disk(free_bytes=1), "web2"),
    ("two_beats", second_beat(), "beat"),
]


@pytest.mark.parametrize(
    ("reason", "fleet", "subject"), SUBJECTS, ids=[reason for reason, _fleet, _subject in SUBJECTS]
)
def test_finding(reason, fleet, subject):
    told = findings(fleet)
    assert set(told) == {reason}
    assert (told[reason]["subject"], told[reason]["remedy"]) == (subject, FINDINGS[reason])
    assert told[reason]["runbook"] == f"docs/runbooks/{reason}.md"
    assert told[reason]["cause"].endswith(".")


def test_every_finding_is_reached():
    assert [reason for reason, _fleet, _subject in SUBJECTS] == list(FINDINGS)


def test_visibility_timeout_in_a_namespace():
    assert set(findings(short_visibility("CELERY_BROKER_TRANSPORT_OPTIONS"))) == {"visibility_timeout_short"}


def test_findings_at_their_thresholds():
    assert findings(ExampleFleet().total(1, 9).queue_says(ready=(1000, 1000))) == {}
    assert findings(fact("failures", {"count": 10})) == {}
    assert findings(fact("orphan_reply_keys", 100)) == {}
    assert set(findings(full_disk(free_inodes=1))) == {"disk_full"}
    assert findings(full_disk(free_inodes=None, total_inodes=None)) == {}
    assert set(findings(ExampleFleet().queue_says(oldest_age=4000, oldest_age_of="unacked"))) == {
        "visibility_timeout_short"
    }
    assert findings(ExampleFleet().queue_says(oldest_age=4000, oldest_age_of="ready")) == {}


def test_one_stray_beat_and_none_declared_is_one_beat():
    fleet = ExampleFleet()
    for sample in fleet.hosts["web2"]:
        sample["result"]["strays"] = [{"pid": 42, "kind": "beat", "embedded_beat": False}]
    assert findings(fleet) == {}


def test_the_broker_is_told():
    assert ExampleFleet().judge()["broker"] == {"kind": "redis", "reachable": True, "refusing": False, "error": ""}
    told = ExampleFleet().broker_down().judge()["broker"]
    assert (told["reachable"], told["error"]) == (False, "tcp: connection refused")
    assert ExampleFleet().broker_refuses().judge()["broker"]["refusing"] is True


def test_the_policy_names_what_it_does_not_know():
    with pytest.raises(ValueError, match="the policy has no stall"):
        ExampleFleet().judge(stall=3)


# -- Recorded on a real fleet: two workers of Celery 5.7.0 on Redis 7.0.15, prefork, with the sentinel, no service manager

RECORDED = {
    "idle": ("idle", "idle"),
    "busy": ("busy", "busy"),
    "child": ("pool_dead", "idle"),
    "cancel": ("wrong_queues", "idle"),
    "stopped_and_killed": ("loop_stalled", "not_running"),
    "oom": ("broker_refusing", "broker_refusing"),
    "paused": ("broker_unreachable", "broker_unreachable"),
}
RECORDINGS = pathlib.Path(__file__).parents[1] / "fixtures/evidence"


def test_every_recording_is_judged():
    assert {path.stem for path in RECORDINGS.glob("*.json")} == set(RECORDED)


@pytest.mark.parametrize("sentinel", [True, False])
@pytest.mark.parametrize("name", RECORDED)
def test_recorded(name, sentinel):
    told = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    if not sentinel:
        for node in told["evidence"]["nodes"].values():
            for look in node["host_samples"]:
                look["heartbeat"] = None
    verdicts = judge(told["expected"], told["evidence"], {"start_grace": 10})["nodes"]
    assert tuple(verdict["reason"] for verdict in verdicts) == RECORDED[name]
