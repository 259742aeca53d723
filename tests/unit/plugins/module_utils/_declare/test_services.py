# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import instance
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.services import (
    beat_environment,
    flower_environment,
    flower_url,
    named_services,
    worker_services,
)

LIMITS = {"operation": 120, "soft": 180, "hard": 240, "stop": 300}
SENTINEL = {"run_dir": "/run/shop", "directory": "/etc/shop/sentinel", "digest": "abc", "pythonpath": "/opt/shop/src"}
FACTS = {"app": "shop", "module": "shop.celery", "celery": ["/v/bin/celery"], "settings": {}, "watchdog": 30}


def workers(*declared, **facts):
    instances = [instance(dict(one, queues=["celery"]), "web1", app="shop", limits=LIMITS) for one in declared]
    environments = {one["name"]: one.get("environment") or {} for one in declared}
    return worker_services(instances, environments, **{**FACTS, **facts})


def test_worker_without_sentinel():
    (service,) = workers({"name": "w1", "memory_max": "2G", "environment": {"A": "b"}})
    assert service["environment"] == {"SPT_NOENV": "1", "A": "b"}
    assert (service["kind"], service["instance"], service["state"]) == ("worker", "w1", "started")
    assert (service["stop_timeout"], service["memory_max"], service["watchdog"], service["wants"]) == (
        300,
        "2G",
        "",
        [],
    )


def test_worker_with_sentinel():
    (service,) = workers({"name": "w1", "start_grace": 300}, sentinel=SENTINEL, timer=True)
    assert service["environment"] == {
        "SPT_NOENV": "1",
        "TASKFLEET_HEARTBEAT": "/run/shop/worker-w1.heartbeat.json",
        "TASKFLEET_SENTINEL": "abc",
        "TASKFLEET_START_GRACE": "300",
        "PYTHONPATH": "/opt/shop/src:/etc/shop/sentinel",
    }
    assert service["argv"][-1] == "--include=taskfleet_sentinel"
    assert (service["watchdog"], service["start_grace"]) == (30, 300)
    assert service["wants"] == ["shop-worker-health@w1.timer"]


def test_limits_of_an_instance_reach_its_environment_and_its_stop():
    own, common, none = workers(
        {"name": "w1", "timeouts": "slow"}, {"name": "w2"}, {"name": "w3", "timeouts": {"stop": 900}}
    )
    assert own["environment"] == {
        "SPT_NOENV": "1",
        "ANSIBLE_PLAYBOOK_TIMEOUT": "240",
        "CELERY_OPERATION_TIMEOUT": "240",
        "CELERY_TASK_SOFT_TIME_LIMIT": "300",
        "CELERY_TASK_HARD_TIME_LIMIT": "360",
    }
    assert common["environment"] == none["environment"] == {"SPT_NOENV": "1"}
    assert [one["stop_timeout"] for one in (own, common, none)] == [420, 300, 900]


def test_own_pythonpath_takes_the_place_of_the_applications():
    (service,) = workers({"name": "w1", "environment": {"PYTHONPATH": "/mine"}}, sentinel=SENTINEL)
    assert service["environment"]["PYTHONPATH"] == "/mine:/etc/shop/sentinel"


def test_listener_comes_with_the_workers_only():
    assert [one["kind"] for one in workers({"name": "w1"}, listener="/l.py")] == ["worker", "worker-health"]
    assert workers(listener="/l.py") == []


def test_beat_names_the_scheduler_that_its_sentinel_wraps():
    environment = beat_environment({"A": "b"}, "x:Y", 60, "redis://h/0", SENTINEL)
    assert environment["TASKFLEET_BEAT_SCHEDULER"] == "x:Y"
    assert (environment["REDBEAT_REDIS_URL"], environment["A"], environment["TASKFLEET_START_GRACE"]) == (
        "redis://h/0",
        "b",
        "60",
    )
    assert beat_environment({}, "x:Y", 60) == {"SPT_NOENV": "1"}


def test_flower_takes_its_options_as_text():
    environment = flower_environment(
        {"port": 5555, "persistent": False, "basic_auth": ["a:b", "c:d"]}, {"X": "y"}, "flower"
    )
    assert environment == {
        "SPT_NOENV": "1",
        "TASKFLEET_PACKAGE": "flower",
        "FLOWER_PORT": "5555",
        "FLOWER_PERSISTENT": "false",
        "FLOWER_BASIC_AUTH": "a:b,c:d",
        "X": "y",
    }


def test_names_of_services_and_their_files():
    services = [{"kind": "worker", "instance": "w1", "start_grace": 60}, {"kind": "beat", "instance": ""}]
    named = named_services(services, "shop", "systemd", "/var/log/shop", "file", 90)
    assert [one["name"] for one in named] == ["shop-worker@w1", "shop-beat"]
    assert [one["environment_name"] for one in named] == ["worker-w1.env", "beat.env"]
    assert [one["log_file"] for one in named] == ["/var/log/shop/worker-w1.log", "/var/log/shop/beat.log"]
    assert [one["created_log"] for one in named] == [one["log_file"] for one in named]
    assert named_services(services, "shop", "systemd", "/l", "journal", 90)[0]["created_log"] is None
    assert [one["start_timeout"] for one in named] == [120, 90]
    # A deployment says that a start takes too long before the service manager ends it.
    assert [one["start_wait"] for one in named_services(services, "shop", "systemd", "/l", "file", 60)] == [90, 60]
    assert [one["heartbeat"] for one in named] == [None, None]
    watched = [{"kind": "beat", "environment": {"TASKFLEET_HEARTBEAT": "/run/shop/beat.heartbeat.json"}}]
    (beat,) = named_services(watched, "shop", "systemd", "/l", "file", 60)
    assert beat["heartbeat"] == "/run/shop/beat.heartbeat.json"


@pytest.mark.parametrize(
    ("address", "prefix", "extra", "url"),
    [
        ("127.0.0.1", "", {}, "http://127.0.0.1:5555/"),
        ("0.0.0.0", "/flower/", {}, "http://127.0.0.1:5555/flower/"),
        ("::", "", {"certfile": "/etc/ssl/flower.pem"}, "https://[::1]:5555/"),
        ("fd00::1", "", {}, "http://[fd00::1]:5555/"),
        ("", "", {}, "http://127.0.0.1:5555/"),
    ],
)
def test_flower_is_asked_where_it_listens(address, prefix, extra, url):
    assert flower_url(address, 5555, prefix, extra) == url
