# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no single worker is guilty of."""

from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import FINDINGS, finding_entry
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.recorded import Recording
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import HOUR, T0, ExampleFleet, task


def findings(fleet, **policy):
    return {finding["reason"]: finding for finding in fleet.judge(**policy)["findings"]}


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
    fleet = ExampleFleet().with_service("beat")
    for sample in fleet.hosts["web2"]:
        sample["result"]["strays"] = [{"pid": 42, "kind": "worker", "embedded_beat": True, "node": "celery@web2"}]
    return fleet


def memory(node="w1@web1", killed=1, limit=300 << 20, path="/system.slice/shop-worker@w1.service", fleet=None):
    fleet = fleet or ExampleFleet()
    for look in fleet.looks(node):
        look["memory"] = {"limit_bytes": limit, "path": path, "events": {"oom_kill": killed}}
    return fleet


def held_back(age=300.0, slots=2, idle=True, queue="default", held=(9, 9)):
    """w1 runs a task in each of its slots, and holds one more; its neighbours have none."""
    fleet = ExampleFleet()
    running = [dict(task(number=number, started=T0 - age), args=[]) for number in range(slots)]
    waiting = [dict(task(number=number), delivery_info={"routing_key": queue}) for number in held]
    fleet.set_reply("active", [running] * 2).set_reply("reserved", [[one] for one in waiting])
    fleet.beat_says(active_count=slots, reserved=1, active=[dict(one, started=T0 - age) for one in running])
    if not idle:
        for node in fleet.nodes[1:]:
            fleet.set_reply("active", [[task(number=7, started=T0)]] * 2, node)
    return fleet


def schedule(source="django", written=T0, age=HOUR, **entry):
    """Beat runs for ``age`` seconds, and its schedule, written then, has an entry."""
    fleet = ExampleFleet().with_service("beat")
    for sample in fleet.hosts["web1"]:
        sample["result"]["beat"]["processes"][0]["age"] = float(age)
    entries = [dict({"name": "report", "enabled": True, "last_run_ahead": -30.0, "due_in": 30.0}, **entry)]
    file = {"parts": [{"modified_at": written}, {"modified_at": written - 5}]}
    fleet.schedule = {"taken_at": T0, "schedule": {"source": source, "entries": entries}, "file": file}
    return fleet


def short_visibility(name="broker_transport_options"):
    conf = {name: {"visibility_timeout": 10}}
    return ExampleFleet().set_reply("conf", [conf, conf])


SUBJECTS = [
    ("uncovered_queue", ExampleFleet().queue_says("orphans", ready=5), "orphans"),
    ("queue_backlog", ExampleFleet().total(1, 9).queue_says(ready=(900, 1001)), "default"),
    ("failures", fact("failures", {"count": 11, "window": 3600}), "tasks"),
    ("discarded", ExampleFleet().beat_says(expired_total=9, revoked_total=2), "w1@web1"),
    ("prefetched_beside_idle", held_back(), "w1@web1"),
    ("eviction_policy", fact("eviction_policy", "allkeys-lru"), "broker"),
    ("visibility_timeout_short", short_visibility(), "broker"),
    ("broker_alarm", fact("alarms", ["disk"]), "broker"),
    ("orphan_reply_keys", fact("orphan_reply_keys", 1693), "broker"),
    ("disk_full", full_disk(free_bytes=1), "web2"),
    ("out_of_memory", memory(), "w1@web1"),
    ("schedule_in_future", schedule(last_run_ahead=7200.0), "beat"),
    ("schedule_overdue", schedule(due_in=-700.0), "beat"),
    ("two_beats", second_beat(), "beat"),
]


@pytest.mark.parametrize(
    ("reason", "fleet", "subject"), SUBJECTS, ids=[reason for reason, _fleet, _subject in SUBJECTS]
)
def test_finding(reason, fleet, subject):
    found = findings(fleet)
    assert set(found) == {reason}
    assert found[reason]["subject"] == subject
    assert finding_entry(reason).items() <= found[reason].items()
    assert found[reason]["runbook"] == f"docs/runbooks/{reason}.md"
    assert found[reason]["cause"].endswith(".")


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


@pytest.mark.parametrize(
    ("name", "subject", "cause"),
    [
        ("fault_eviction_policy", "broker", "Redis evicts keys (allkeys-lru) when its memory is full"),
        ("fault_two_beats", "beat", "2 beats run: lab (pid "),
    ],
)
def test_recorded_finding_names_its_subject_and_cause(name, subject, cause):
    recording = Recording(name)
    (found,) = [
        one for one in recording.judge()["report"]["findings"] if one["reason"] == recording.expected["finding"]
    ]
    assert found["subject"] == subject
    assert found["cause"].startswith(cause)


def test_processes_killed_for_want_of_memory_are_counted_once_for_their_group():
    found = findings(memory(killed=2))["out_of_memory"]
    assert found["cause"] == (
        "The kernel has killed 2 processes of w1@web1 for want of memory, which is limited to 300 MiB."
    )
    group = "/system.slice/supervisor.service"
    shared = memory("w2@web1", 1, None, group, memory("w1@web1", 1, None, group))
    found = findings(shared)["out_of_memory"]
    assert found["subject"] == "web1"
    assert (
        found["cause"] == "The kernel has killed 1 process of the control group of w1@web1, w2@web1 for want of memory."
    )


@pytest.mark.parametrize("killed", [0, None])
def test_nobody_was_killed_for_want_of_memory(killed):
    assert findings(memory(killed=killed)) == {}


def test_entries_that_ran_in_the_future_are_named():
    found = findings(schedule(last_run_ahead=7200.0))["schedule_in_future"]
    assert found["cause"] == (
        "By its schedule (django), beat has sent report in the future, by up to 2 h, and sends nothing of it before."
    )
    found = findings(schedule(due_in=-700.0))["schedule_overdue"]
    assert found["cause"] == (
        "Beat runs since 60 min, and does not send report, due since up to 11 min by its schedule (django)."
    )


@pytest.mark.parametrize(
    "fleet",
    [
        schedule(),
        schedule(last_run_ahead=50.0),
        schedule(last_run_ahead=None, due_in=-700.0),
        schedule(last_run_ahead=7200.0, enabled=False),
        schedule(due_in=None),
        schedule(due_in=-590.0),
        # It was not overdue when its file was written.
        schedule("file", written=T0 - 300, due_in=-700.0),
        # It catches up, and what was written at its start says nothing.
        schedule(age=500, due_in=-700.0),
        schedule("file", written=T0 - 650, age=700, due_in=-5000.0),
    ],
    ids=["in time", "clocks", "no zone", "disabled", "unknown", "late", "old file", "young beat", "file of its start"],
)
def test_schedule_that_is_in_order(fleet):
    assert findings(fleet) == {}


def test_schedule_of_a_fresh_file_is_judged():
    assert "schedule_overdue" in findings(schedule("file", written=T0 - 60, due_in=-700.0))


def test_discarded_tasks_are_told_by_why():
    found = findings(ExampleFleet().beat_says(expired_total=9, revoked_total=2))["discarded"]
    assert found["cause"] == (
        "w1@web1 has discarded 9 expired and 2 revoked tasks since its start; the threshold is 10."
    )
    assert findings(ExampleFleet().beat_says(expired_total=9, revoked_total=1)) == {}


def test_task_that_an_idle_neighbour_could_run_is_told():
    found = findings(held_back())["prefetched_beside_idle"]
    assert found["cause"] == (
        "w1@web1 holds a task of default that it cannot begin, as its tasks run since 5 min; w2@web1, w3@web2 has none to run."
    )
    assert found["evidence"] == {"queue": "default", "tasks": ["id-9"], "idle": ["w2@web1", "w3@web2"]}


@pytest.mark.parametrize(
    "fleet",
    [
        held_back(age=30.0),
        held_back(slots=1),
        held_back(idle=False),
        held_back(queue="reports"),
        held_back(held=(9, 10)),
        held_back().set_reply("scheduled", [[{}]] * 2),
        held_back().set_reply("rate_limits", [{"shop.add": "1/h"}] * 2).beat_says(limited=1),
    ],
    ids=["short tasks", "free slot", "busy neighbours", "another queue", "another task", "ETA", "rate limit"],
)
def test_task_that_is_not_held_back(fleet):
    assert "prefetched_beside_idle" not in findings(fleet)
