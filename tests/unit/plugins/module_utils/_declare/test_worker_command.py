# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import instance
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.worker_command import (
    celery_argv,
    settings_overlay,
    worker_argv,
)

LIMITS = {"operation": 120, "soft": 180, "hard": 240, "stop": 300}


def argv(include="", settings=None, **changes):
    # Celery's own defaults, so that each option is there because it was asked for.
    plain = {"without_gossip": False, "without_mingle": False}
    one = instance({"name": "w1", "queues": ["a", "b"], **plain, **changes}, "h", limits=LIMITS)
    return worker_argv(one, ["/v/bin/celery"], "shop.celery", settings or {}, include)


def test_least_instance():
    assert argv() == [
        "/v/bin/celery",
        "-A",
        "shop.celery",
        "worker",
        "--hostname=w1@h",
        "--queues=a,b",
        "--pool=prefork",
        "--loglevel=INFO",
        "--soft-time-limit=180",
        "--time-limit=240",
    ]


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"concurrency": 4}, "--concurrency=4"),
        ({"autoscale": "8,2"}, "--autoscale=8,2"),
        ({"prefetch_multiplier": 2}, "--prefetch-multiplier=2"),
        ({"max_tasks_per_child": 1000}, "--max-tasks-per-child=1000"),
        ({"max_memory_per_child": 400000}, "--max-memory-per-child=400000"),
        ({"without_gossip": True}, "--without-gossip"),
        ({"without_mingle": True}, "--without-mingle"),
        ({"without_heartbeat": True}, "--without-heartbeat"),
        ({"extra_args": ["-O", "fair"]}, "fair"),
    ],
)
def test_option(changes, option):
    assert option in argv(**changes)
    assert option not in argv()


def test_limits_of_the_instance_take_the_place_of_those_of_the_application():
    own = {"operation": 1, "soft": 2, "hard": 3, "stop": 4}
    assert [word for word in argv(timeouts=own) if "time-limit" in word] == ["--soft-time-limit=2", "--time-limit=3"]


@pytest.mark.parametrize("timeouts", ["none", {"stop": 900}])
def test_application_that_sets_its_own_limits_gets_none(timeouts):
    assert [word for word in argv(timeouts=timeouts) if "time-limit" in word] == []


def test_soft_shutdown_is_a_setting_that_the_instance_has_over_the_fleet():
    settings = {"worker_soft_shutdown_timeout": 5.0, "worker_send_task_events": True}
    overlay = ["--", "worker_send_task_events=(bool)true", "worker_soft_shutdown_timeout=(float)30.0"]
    assert argv(soft_shutdown_timeout="30", settings=settings)[-3:] == overlay


def test_autoscale_takes_the_place_of_concurrency():
    assert not [word for word in argv(autoscale="8,2", concurrency=4) if word.startswith("--concurrency")]


def test_solo_has_no_concurrency():
    assert not [word for word in argv(pool="solo", concurrency=1) if word.startswith("--concurrency")]


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ([], ["--include=s"]),
        (["-O", "fair"], ["-O", "fair", "--include=s"]),
        (["-I", "a,b", "-B"], ["-B", "--include=a,b,s"]),
        (["-Ia"], ["--include=a,s"]),
        (["--include=a", "-E"], ["-E", "--include=a,s"]),
        (["--include", "a"], ["--include=a,s"]),
    ],
)
def test_include_joins_those_of_the_instance(extra, expected):
    words = argv(extra_args=extra, include="s")
    assert words[-len(expected) :] == expected
    assert sum(word.startswith(("-I", "--include")) for word in words) == 1


def test_settings_come_last():
    words = argv(settings={"task_acks_late": True})
    assert words[-2:] == ["--", "task_acks_late=(bool)true"]


def test_settings_carry_their_types():
    overlay = settings_overlay(
        {
            "worker_lost_wait": 7,
            "task_acks_late": False,
            "broker_connection_timeout": 4.5,
            "task_default_queue": "work",
            "broker_transport_options": {"visibility_timeout": 600},
            "result_expires": None,
        }
    )
    assert overlay == [
        "broker_connection_timeout=(float)4.5",
        "broker_transport_options=(json)" + json.dumps({"visibility_timeout": 600}),
        "result_expires=(json)null",
        "task_acks_late=(bool)false",
        "task_default_queue=(string)work",
        "worker_lost_wait=(int)7",
    ]


def test_settings_refuse_what_the_command_line_cannot_set():
    with pytest.raises(ValueError, match="timezone"):
        settings_overlay({"timezone": "UTC"})


@pytest.mark.parametrize("name", ["worker_prefetch_multiplier", "worker_concurrency", "worker_pool"])
def test_settings_refuse_what_would_have_no_effect(name):
    with pytest.raises(ValueError, match="has no effect"):
        settings_overlay({name: 7})


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("", ["/v/bin/celery"]),
        ("nautobot-server celery", ["/v/bin/nautobot-server", "celery"]),
        ("/srv/indico celery", ["/srv/indico", "celery"]),
        ("python manage.py --settings 'a b' celery", ["/v/bin/python", "manage.py", "--settings", "a b", "celery"]),
    ],
)
def test_celery_is_started_by_itself_or_by_the_applications_own_command(command, words):
    assert celery_argv(command, "/v") == words


def test_worker_starts_with_the_applications_own_command():
    one = instance({"name": "w1", "queues": ["a"]}, "h")
    words = worker_argv(one, ["/v/bin/shop-server", "celery"], "shop.celery", {})
    assert words[:5] == ["/v/bin/shop-server", "celery", "-A", "shop.celery", "worker"]
