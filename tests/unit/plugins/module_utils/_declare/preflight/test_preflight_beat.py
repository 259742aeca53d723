# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.beat import FACTS, check_beat

GOOD = {"app": "shop", "hosts": ["web1"], "schedule_file": "/var/lib/shop/schedule"}


def judge(**facts):
    return check_beat({**{name: fact.get("default") for name, fact in FACTS.items()}, **GOOD, **facts})


def only(problems):
    (problem,) = problems
    assert problem.level == "refuse"
    return problem


def test_beat_on_one_host():
    assert judge() == []
    assert judge(hosts=["web1", "web1"]) == []


def test_two_hosts_are_named():
    problem = only(judge(hosts=["web2", "web1"]))
    assert "2 hosts run beat for shop: web1 and web2" in problem.actual
    assert problem.reference


def test_beat_without_a_host():
    assert "0 hosts" in only(judge(hosts=[])).actual


@pytest.mark.parametrize("scheduler", ["persistent", "redbeat", "django", "shop.beat.Scheduler", "shop.beat:Scheduler"])
def test_schedulers(scheduler):
    assert judge(scheduler=scheduler) == []


@pytest.mark.parametrize("scheduler", ["", "Persistent", "red beat", "shop."])
def test_schedulers_refused(scheduler):
    assert only(judge(scheduler=scheduler)).variable == "celery_beat_scheduler"


@pytest.mark.parametrize("path", ["", "celerybeat-schedule"])
def test_schedule_needs_a_place(path):
    assert only(judge(schedule_file=path)).variable == "celery_beat_schedule_file"
    assert judge(schedule_file=path, scheduler="django") == []


@pytest.mark.parametrize("url", ["redis://h", "rediss://h", "sentinel://h", ""])
def test_redbeat_on_redis(url):
    assert judge(scheduler="redbeat", broker_url=url) == []
    assert judge(scheduler="redbeat", broker_url="amqp://h", redbeat_redis_url=url or "redis://h") == []


@pytest.mark.parametrize("url", ["amqp://u:hunter2@h", "redis+socket://:hunter2@/run/redis.sock"])
@pytest.mark.parametrize("key", ["broker_url", "redbeat_redis_url"])
def test_redbeat_without_redis(key, url):
    problem = only(judge(scheduler="redbeat", **{key: url}))
    assert url.partition(":")[0] in problem.actual
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize("seconds", [1, 5])
def test_lock_of_redbeat_that_a_busy_host_outlasts(seconds):
    (problem,) = judge(scheduler="redbeat", max_interval=seconds)
    assert (problem.level, problem.variable) == ("warn", "celery_beat_max_interval")
    assert f"lives {5 * seconds} s" in problem.actual
    assert "6 or more" in problem.remedy


@pytest.mark.parametrize(("scheduler", "seconds"), [("redbeat", 0), ("redbeat", 6), ("persistent", 1)])
def test_lock_that_lives_long_enough(scheduler, seconds):
    assert judge(scheduler=scheduler, max_interval=seconds) == []


def test_persistent_does_not_care_for_the_broker():
    assert judge(broker_url="amqp://h") == []


def test_stray_is_named_with_what_to_do():
    stray = {"pid": 4711, "user": "root", "cmdline": "celery -A shop beat", "embedded_beat": False}
    problem = only(judge(strays=[stray]))
    assert problem.variable == "process 4711"
    assert "user root: celery -A shop beat" in problem.actual
    assert "kill -TERM 4711" in problem.remedy


def test_embedded_beat_is_called_so():
    stray = {"pid": 1, "user": "root", "cmdline": "celery -A shop worker -B", "embedded_beat": True}
    assert "embedded beat (-B)" in only(judge(strays=[stray])).actual


def test_password_of_redbeat_that_is_not_encoded():
    problem = only(judge(scheduler="redbeat", redbeat_redis_url="redis://:hun/ter2@h:6379/0"))
    assert problem.variable == "celery_beat_redbeat_redis_url"
    assert not any(part in str(problem) for part in ("hun", "ter2"))


@pytest.mark.parametrize(("name", "value"), [("A", "b\nc"), ("CELERY_BROKER_URL", "x"), ("BROKER_URL", "x")])
def test_environment_that_is_refused(name, value):
    assert only(judge(environment={name: value})).variable == f"celery_beat_environment.{name}"


def test_environment_of_its_own():
    assert judge(environment={"SHOP_BEAT": "yes"}) == []
