# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.application import applications

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
    "d": {"celery_worker_instances": "not a list"},
}
PLACES = {"workers": ["a", "b", "d"], "beat": ["a", "c"], "flower": ["b"]}


def test_applications_have_their_instances():
    told = applications(HOSTS, PLACES)
    assert sorted(told) == ["blog", "shop"]
    shop = told["shop"]
    assert shop["nodes"] == ["w1@a", "w1@b"]
    assert shop["queues"] == ["x", "y"]
    assert [one["service"] for one in shop["instances"]] == ["shop-worker@w1", "shop-worker-w1"]
    assert [one["limits"]["hard"] for one in shop["instances"]] == [240, 360]
    assert [one["pool"] for one in shop["instances"]] == ["prefork", "solo"]


def test_beat_and_flower_are_where_they_shall_run():
    told = applications(HOSTS, PLACES)
    assert (told["shop"]["beat"], told["shop"]["flower"], told["blog"]["beat"]) == (["a"], ["b"], [])


def test_flower_has_a_url_on_its_host():
    assert applications(HOSTS, PLACES)["shop"]["flower_urls"] == {"b": "http://127.0.0.1:5555/"}
    stopped = dict(HOSTS, b=dict(HOSTS["b"], celery_flower_state="stopped"))
    assert applications(stopped, PLACES)["shop"]["flower_urls"] == {}


def test_host_without_a_name_has_the_application_that_is_asked_for():
    told = applications(HOSTS, PLACES, app="blog")
    assert told["blog"]["nodes"] == []
