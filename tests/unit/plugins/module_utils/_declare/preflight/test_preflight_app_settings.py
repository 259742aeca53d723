# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.app_settings import (
    check_app_settings,
)

REDIS = {"url": "redis://:***@h:6379/0"}
RABBITMQ = {"url": "amqp://shop:***@h:5672//", "heartbeat": 60}
CONF = {
    "visibility_timeout": 3600,
    "broker_heartbeat": 120,
    "result_expires": 86400.0,
    "task_ignore_result": False,
    "timezone": "Europe/Madrid",
    "daylight_saving": True,
}


def worker(pool="prefork", hard=240, stop=300, name="w1"):
    return {"name": name, "pool": pool, "limits": {"soft": hard - 60, "hard": hard, "stop": stop}}


def warned(instances=(), conf=(), limits=(), **info):
    facts = {
        "broker": REDIS,
        "result_backend": REDIS,
        "versions": {"django-celery-beat": None},
        "beat_crontabs": 0,
        "conf": {**CONF, **dict(conf)},
        "task_limits": dict(limits),
        **info,
    }
    problems = check_app_settings({"info": facts, "instances": list(instances) or [worker()]})
    assert {problem.level for problem in problems} <= {"warn"}
    return problems


def hard(seconds):
    return {"shop.export": {"soft": None, "hard": seconds}}


def test_usual_application():
    assert warned(limits=hard(240)) == []


def test_nothing_is_known_of_the_application():
    assert check_app_settings({"info": {}, "instances": [worker("solo")]}) == []


@pytest.mark.parametrize("limits", [hard(3601), {"shop.export": {"soft": 3601, "hard": None}}])
def test_task_that_redis_gives_to_a_second_worker(limits):
    (problem,) = warned([worker(stop=7200)], limits=limits)
    assert problem.variable == "celery_app_visibility_timeout"
    assert "shop.export (3601 s)" in problem.actual
    assert "second worker" in problem.expected


def test_visibility_timeout_is_no_matter_on_rabbitmq():
    assert warned([worker(stop=7200)], limits=hard(3601), broker=RABBITMQ) == []


def test_task_that_no_worker_waits_for():
    (problem,) = warned([worker(), worker(stop=600, name="w2")], limits=hard(601.5))
    assert problem.variable == "celery_app_timeouts.stop"
    assert "600 s" in problem.actual
    assert "shop.export (601.5 s)" in problem.actual
    assert "killed while they run" in problem.expected


def test_worker_that_waits_long_enough_may_be_the_one_that_runs_the_task():
    assert warned([worker(), worker(stop=600, name="w2")], limits=hard(600)) == []


@pytest.mark.parametrize("pool", ["solo", "gevent", "eventlet"])
def test_task_longer_than_two_heartbeats_in_the_process_of_the_worker(pool):
    (problem,) = warned([worker(pool, hard=121)], broker=RABBITMQ)
    assert f"w1 ({pool}, 121 s)" in problem.actual
    assert "120 s" in problem.expected


@pytest.mark.parametrize(
    ("instance", "broker", "conf"),
    [
        (worker("prefork", hard=999, stop=999), RABBITMQ, {}),
        (worker("threads", hard=999, stop=999), RABBITMQ, {}),
        (worker("solo", hard=120), RABBITMQ, {}),
        (worker("solo", hard=999, stop=999), REDIS, {}),
        (worker("solo", hard=240), {**RABBITMQ, "heartbeat": None}, {}),
        (worker("solo", hard=999, stop=999), {**RABBITMQ, "heartbeat": 600}, {"broker_heartbeat": 600}),
        # There are no heartbeats to miss.
        (worker("solo", hard=999, stop=999), RABBITMQ, {"broker_heartbeat": 0}),
    ],
)
def test_heartbeats_that_are_answered(instance, broker, conf):
    assert warned([instance], conf=conf, broker=broker) == []


def test_own_limit_of_a_task_counts_for_heartbeats():
    (problem,) = warned([worker("solo", hard=100)], limits=hard(250), broker=RABBITMQ)
    assert "w1 (solo, 250 s)" in problem.actual


@pytest.mark.parametrize("expires", [0, None])
def test_results_that_never_expire(expires):
    (problem,) = warned(conf={"result_expires": expires})
    assert problem.variable == "celery_app_result_backend"
    assert f"result_expires to {expires}" in problem.actual


@pytest.mark.parametrize(
    ("conf", "backend"),
    [
        ({"result_expires": None, "task_ignore_result": True}, REDIS),
        ({"result_expires": 0}, {"url": "db+postgresql://h/shop"}),
        ({"result_expires": 60}, REDIS),
    ],
)
def test_results_that_do_no_harm(conf, backend):
    assert warned(conf=conf, result_backend=backend) == []


def test_crontabs_where_the_clock_changes():
    (problem,) = warned(beat_crontabs=2)
    assert "2 crontab entries in the timezone Europe/Madrid" in problem.actual
    assert warned(beat_crontabs=2, conf={"daylight_saving": False, "timezone": "UTC"}) == []


@pytest.mark.parametrize(("version", "count"), [("2.8.0", 1), ("2.8.1", 1), ("2.7.0", 0), ("2.9.0", 0)])
def test_release_that_leaves_entries_out(version, count):
    problems = warned(versions={"django-celery-beat": version})
    assert len(problems) == count
    assert all("django-celery-beat!=2.8.0,!=2.8.1" in problem.remedy for problem in problems)
