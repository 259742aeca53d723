# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import (
    DEFAULTS,
    autoscale_bounds,
    environments,
    expected,
    instance,
    instances,
    service_name,
    start_timeout,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.worker_command import worker_argv

LIMITS = {"operation": 120, "soft": 180, "hard": 240, "stop": 300}


def declared(**keys):
    return instance({"name": "w1", "queues": ["celery"], **keys}, "web1", app="shop", limits=LIMITS)


def test_instance_has_every_key_and_its_names():
    one = declared()
    assert set(one) == set(DEFAULTS) | {"name", "instance", "node", "host", "service", "limits"}
    assert (one["node"], one["service"], one["host"]) == ("w1@web1", "shop-worker@w1", "web1")
    assert (one["pool"], one["state"], one["start_grace"]) == ("prefork", "started", 60)


@pytest.mark.parametrize(
    ("kind", "name", "manager", "service"),
    [
        ("worker", "w1", "systemd", "shop-worker@w1"),
        ("worker", "w1", "supervisor", "shop-worker-w1"),
        ("beat", "", "systemd", "shop-beat"),
        ("flower", "", "supervisor", "shop-flower"),
    ],
)
def test_service_names(kind, name, manager, service):
    assert service_name("shop", kind, name, manager) == service


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("concurrency", "4", 4),
        ("start_grace", " 300 ", 300),
        ("max_tasks_per_child", 100, 100),
        ("without_mingle", "false", False),
        ("maintenance", "yes", True),
        ("remote_control", 0, False),
        ("autoscale", "10,3", [10, 3]),
        ("autoscale", {"max": "10", "min": "3"}, [10, 3]),
        ("autoscale", {"max": 10}, [10, 0]),
        ("autoscale", 3, [3, 0]),
        ("autoscale", "", None),
        ("autoscale", False, None),
        ("environment", {"B": "secret", "A": "b"}, ["A", "B"]),
    ],
)
def test_text_gets_the_type_of_its_key(key, text, value):
    assert declared(**{key: text})[key] == value


@pytest.mark.parametrize(("key", "value"), [("concurrency", "many"), ("maintenance", "perhaps"), ("autoscale", "a,b")])
def test_value_of_another_type_stays_for_preflight(key, value):
    assert declared(**{key: value})[key] == value


def test_autoscale_reaches_celery_as_two_numbers():
    for value in ({"max": 10, "min": 3}, "10,3", [10, 3]):
        argv = worker_argv(declared(autoscale=value), ["celery"], "shop", {})
        assert "--autoscale=10,3" in argv


def test_single_autoscale_lets_the_pool_shrink_to_nothing():
    assert autoscale_bounds(3) == (3, 0)
    assert "--autoscale=3,0" in worker_argv(declared(autoscale=3), ["celery"], "shop", {})


def test_defaults_of_the_host_lie_under_the_instance_and_over_the_collection():
    one = instance(
        {"name": "w1", "pool": "solo"}, "h", defaults={"pool": "gevent", "loglevel": "DEBUG"}, start_grace=90
    )
    assert (one["pool"], one["loglevel"], one["state"], one["start_grace"]) == ("solo", "DEBUG", "started", 90)
    assert instance({"name": "w1"}, "h", defaults={"start_grace": "120"}, start_grace=90)["start_grace"] == 120


def test_hang_in_the_start_is_judged_before_it_is_killed():
    assert start_timeout(declared(start_grace=300)["start_grace"]) == 360


@pytest.mark.parametrize("raw", ["w1", None, {"name": "w1"}])
def test_value_that_is_no_list_stays_for_preflight(raw):
    assert instances(raw, "h") == raw
    assert environments(raw) == {}


def test_environments_have_the_values():
    raw = [{"name": "a", "environment": {"X": 1}}, {"name": "b"}, "c"]
    assert environments(raw, {"environment": {"Y": 2}}) == {"a": {"X": 1}, "b": {"Y": 2}}


def test_judging_takes_no_environment():
    (one,) = expected([declared(environment={"A": "b"}, concurrency=4)])
    assert "environment" not in one
    assert (one["concurrency"], one["limits"]["hard"], "autoscale" in one) == (4, 240, False)


@pytest.mark.parametrize(
    ("timeouts", "limits"),
    [
        (None, LIMITS),
        ("", LIMITS),
        ("slow", {"operation": 240, "soft": 300, "hard": 360, "stop": 420}),
        ("none", {"stop": 300}),
        ({"stop": "900"}, {"stop": 900}),
        ("quick", LIMITS),
    ],
)
def test_instance_has_limits_of_its_own_or_those_of_the_application(timeouts, limits):
    assert declared(timeouts=timeouts)["limits"] == limits


def test_limits_come_from_the_defaults_of_the_host_too():
    one = instance({"name": "w1"}, "h", defaults={"timeouts": "none"}, limits={**LIMITS, "stop": 999})
    assert one["limits"] == {"stop": 999}


def test_soft_shutdown_is_one_of_the_limits():
    assert declared(soft_shutdown_timeout="30")["limits"] == {**LIMITS, "soft_shutdown": 30}
    assert expected([declared(soft_shutdown_timeout=30)])[0]["limits"]["soft_shutdown"] == 30
