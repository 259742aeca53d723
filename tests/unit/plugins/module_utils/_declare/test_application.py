# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.application import (
    DeclarationError,
    applications,
)

HOSTS = {
    "a": {"celery_app_name": "shop", "celery_worker_instances": [{"name": "w1", "queues": ["x", "y"]}]},
    "b": {
        "celery_app_name": "shop",
        "celery_app_service_manager": "supervisor",
        "celery_app_timeouts": "slow",
        "celery_worker_defaults": {"pool": "solo"},
        "celery_worker_instances": [{"name": "w1", "queues": ["y"]}],
    },
    "c": {"celery_app_name": "blog", "celery_beat_state": "stopped"},
    "d": {"celery_worker_instances": []},
}
PLACES = {"workers": ["a", "b", "d"], "beat": ["a", "c"], "flower": ["b"]}


def test_applications_have_their_instances():
    apps = applications(HOSTS, PLACES)
    assert sorted(apps) == ["blog", "shop"]
    shop = apps["shop"]
    assert shop["nodes"] == ["w1@a", "w1@b"]
    assert shop["names"] == {"a": ["w1"], "b": ["w1"]}
    assert shop["queues"] == ["x", "y"]
    assert [one["service"] for one in shop["instances"]] == ["shop-worker@w1", "shop-worker-w1"]
    assert [one["limits"]["hard"] for one in shop["instances"]] == [240, 360]
    assert [one["pool"] for one in shop["instances"]] == ["prefork", "solo"]


def test_application_that_sets_its_own_limits_has_none():
    hosts = dict(HOSTS, b=dict(HOSTS["b"], celery_app_timeouts="none"))
    assert [one["limits"] for one in applications(hosts, PLACES)["shop"]["instances"]][1] == {"stop": 300}


def test_beat_and_flower_are_where_they_shall_run():
    apps = applications(HOSTS, PLACES)
    assert (apps["shop"]["beat"], apps["shop"]["flower"], apps["blog"]["beat"]) == (["a"], ["b"], [])


def test_flower_has_a_url_on_its_host():
    assert applications(HOSTS, PLACES)["shop"]["flower_urls"] == {"b": "http://127.0.0.1:5555/"}
    stopped = dict(HOSTS, b=dict(HOSTS["b"], celery_flower_state="stopped"))
    assert applications(stopped, PLACES)["shop"]["flower_urls"] == {}


def test_host_without_a_name_has_the_application_that_is_asked_for():
    apps = applications(HOSTS, PLACES, app="blog")
    assert apps["blog"]["nodes"] == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("celery_app_timeouts", "quick", "is the preset 'quick'; expected one of default, fast and slow"),
        ("celery_app_timeouts", [1], "is a list; expected a text or a dict"),
        ("celery_worker_defaults", "solo", "is 'solo', a text; expected a dict"),
        ("celery_worker_instances", {"w1": {"queues": ["x"]}}, "is a dict; expected a list"),
        ("celery_flower_extra_options", None, "is nothing; expected a dict"),
    ],
)
def test_variable_of_another_host_that_cannot_be_read_is_named(name, value, expected):
    hosts = dict(HOSTS, b=dict(HOSTS["b"], **{name: value}))
    with pytest.raises(DeclarationError, match=name + " of host b " + expected):
        applications(hosts, PLACES)


def test_instance_of_another_host_that_cannot_be_read_is_named():
    hosts = dict(HOSTS, b=dict(HOSTS["b"], celery_worker_instances=[{"name": "w1", "queues": ["y"]}, "w2"]))
    with pytest.raises(DeclarationError, match="\\[1\\] of host b is 'w2', a text; expected a dict"):
        applications(hosts, PLACES)


@pytest.mark.parametrize("queues", [5, "x", [5], [{"name": "x"}], None])
def test_queues_that_are_no_names_are_left_to_preflight(queues):
    hosts = dict(HOSTS, b=dict(HOSTS["b"], celery_worker_instances=[{"name": "w1", "queues": queues}]))
    assert applications(hosts, PLACES)["shop"]["queues"] == ["x", "y"]
