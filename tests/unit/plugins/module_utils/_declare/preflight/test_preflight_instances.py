# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import environments, instances
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight import instances as topic
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.instances import check_instances


def facts(declared, host="web1", broker_url="redis://broker1:6379/0", **more):
    return {
        **{name: fact.get("default") for name, fact in topic.FACTS.items()},
        "variable": "celery_worker_instances",
        "instances": instances(declared, host),
        "defaults": {},
        "environments": environments(declared),
        "inventory_hostname": host,
        "broker_url": broker_url,
        **more,
    }


def judge(*declared):
    return check_instances(facts(list(declared)))


def with_keys(**keys):
    return judge({"name": "w1", "queues": ["default"], **keys})


def only(problems, level="refuse"):
    (problem,) = problems
    assert problem.level == level
    return problem


def test_required_is_enough():
    assert with_keys() == []


def test_host_without_workers_passes():
    assert judge() == []


REMOTE = ["redis://:hunter2@broker1:6379/0", "amqp://10.0.0.5//", "sentinel://localhost:26379;sentinel://s2:26379"]
LOCAL = ["redis://:hunter2@127.0.0.1:6379/0", "amqp://localhost//", "amqp://", "redis+socket:///run/redis.sock", ""]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "localhost.localdomain"])
@pytest.mark.parametrize("broker_url", REMOTE)
def test_name_that_every_machine_has(host, broker_url):
    problem = only(check_instances(facts([{"name": "w1", "queues": ["a"]}], host, broker_url)))
    assert problem.variable == "inventory_hostname"
    assert f"w1@{host}" in problem.actual
    assert "ansible_connection" in problem.remedy


@pytest.mark.parametrize(
    ("declared", "host", "broker_url"),
    [([{"name": "w1", "queues": ["a"]}], "localhost", url) for url in LOCAL]
    + [([{"name": "w1", "queues": ["a"]}], "web1", url) for url in REMOTE]
    + [([], "localhost", REMOTE[0])],
)
def test_names_of_hosts(declared, host, broker_url):
    assert check_instances(facts(declared, host, broker_url)) == []


@pytest.mark.parametrize(
    ("declared", "actual"), [("w1", "'w1', a text"), ({"name": "w1"}, "a dict"), (None, "nothing"), (True, "true")]
)
def test_value_that_is_no_list_of_dicts(declared, actual):
    problem = only(check_instances(facts(declared)))
    assert (problem.variable, problem.actual) == ("celery_worker_instances", actual)


def test_instance_that_is_no_dict():
    problem = only(judge({"name": "w1", "queues": ["default"]}, "w2"))
    assert (problem.variable, problem.actual) == ("celery_worker_instances[1]", "'w2', a text")


@pytest.mark.parametrize("defaults", [["solo"], "solo", None])
def test_defaults_that_are_no_dict(defaults):
    assert instances([{"name": "w1"}], "web1", defaults=defaults) == instances([{"name": "w1"}], "web1")
    assert environments([{"name": "w1"}], defaults) == {"w1": {}}
    problem = only(check_instances({**facts([]), "defaults": defaults}))
    assert problem.variable == "celery_worker_defaults"


def test_everything_at_once_that_goes_together():
    assert (
        with_keys(
            pool="prefork",
            concurrency=4,
            prefetch_multiplier=1,
            max_tasks_per_child=100,
            max_memory_per_child=200000,
            memory_max="2G",
            memory_high="1G",
            loglevel="debug",
            without_gossip=True,
            state="stopped",
            extra_args=["-O", "fair", "--", "-Q"],
            environment={"A": "b"},
            autoscale="",
        )
        == []
    )


@pytest.mark.parametrize("name", ["", None, "w 1", "w@1", "-w", "w/1", "w.1"])
def test_names_refused(name):
    problem = only(judge({"name": name, "queues": ["a"]}))
    assert problem.variable == "celery_worker_instances[0].name"
    assert "web1" in problem.remedy


def test_two_of_one_name():
    twin = {"name": "w1", "queues": ["a"]}
    problem = only(judge(twin, dict(twin), {"name": "w2", "queues": ["a"]}))
    assert "2 instances are called w1" in problem.actual
    assert "w1@web1" in problem.actual
    assert problem.reference.endswith("/2045")


@pytest.mark.parametrize("queues", [[], None, "", "default", [""], ["a,b"], ["a b"], [3]])
def test_queues_refused(queues):
    problem = only(with_keys(queues=queues))
    assert problem.variable == "celery_worker_instances[w1].queues"


def test_queue_nobody_named():
    assert "a queue nobody named" in only(judge({"name": "w1"})).actual


@pytest.mark.parametrize(("key", "value"), [("pool", "process"), ("loglevel", "verbose"), ("state", "absent")])
def test_choices_refused(key, value):
    problem = only(with_keys(**{key: value}))
    assert problem.variable == f"celery_worker_instances[w1].{key}"
    assert value in problem.actual


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("concurrency", 0),
        ("concurrency", "many"),
        ("prefetch_multiplier", 0),
        ("max_tasks_per_child", 0),
        ("max_memory_per_child", "200M"),
    ],
)
def test_numbers_refused(key, value):
    assert only(with_keys(**{key: value})).variable == f"celery_worker_instances[w1].{key}"


@pytest.mark.parametrize("key", ["concurrency", "prefetch_multiplier", "max_tasks_per_child", "max_memory_per_child"])
@pytest.mark.parametrize("value", [1, "1", None])
def test_numbers(key, value):
    assert with_keys(**{key: value}) == []


def test_solo_runs_one_at_a_time():
    refused = [problem for problem in with_keys(pool="solo", concurrency=2) if problem.level == "refuse"]
    assert only(refused).variable.endswith(".concurrency")
    assert not [problem for problem in with_keys(pool="solo", concurrency=1) if problem.level == "refuse"]


@pytest.mark.parametrize("pool", ["solo", "threads", "gevent", "eventlet"])
@pytest.mark.parametrize("key", ["max_tasks_per_child", "max_memory_per_child"])
def test_only_prefork_has_children(pool, key):
    refused = [problem for problem in with_keys(pool=pool, **{key: 5}) if problem.level == "refuse"]
    assert only(refused).variable.endswith(f".{key}")
    assert with_keys(pool="prefork", **{key: 5}) == []


@pytest.mark.parametrize(
    "value", ["10,3", "3,3", "10,0", "1,0", "10", 10, {"max": 10, "min": 3}, {"max": 10}, [10, 3], None, ""]
)
def test_autoscale(value):
    assert with_keys(autoscale=value) == []


@pytest.mark.parametrize("value", ["3,10", {"max": 3, "min": 10}])
def test_autoscale_the_wrong_way_round(value):
    assert only(with_keys(autoscale=value)).remedy == "write 10,3"


@pytest.mark.parametrize("value", ["a,b", "1,2,3", "0,0", "5,-1", {"most": 3}, {"min": 3}, [3, 1, 0], ["a", "b"]])
def test_autoscale_refused(value):
    assert only(with_keys(autoscale=value)).variable == "celery_worker_instances[w1].autoscale"


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_pools_that_cannot_grow(pool):
    refused = [problem for problem in with_keys(pool=pool, autoscale="4,1") if problem.level == "refuse"]
    assert pool in only(refused).actual


@pytest.mark.parametrize("pool", ["prefork", "gevent", "eventlet"])
def test_pools_that_can_grow(pool):
    assert not [problem for problem in with_keys(pool=pool, autoscale="4,1") if problem.level == "refuse"]


def test_autoscale_with_max_tasks_per_child_names_the_upstream_issue():
    problem = only(with_keys(autoscale="4,1", max_tasks_per_child=20), "warn")
    assert problem.reference == "https://github.com/celery/celery/issues/4185"
    assert "max_tasks_per_child 20" in problem.actual


def test_autoscale_with_concurrency():
    assert "concurrency 2" in only(with_keys(autoscale="4,1", concurrency=2), "warn").actual


@pytest.mark.parametrize("key", ["memory_max", "memory_high"])
@pytest.mark.parametrize("value", ["2G", "512M", "1048576", 1048576, "", None])
def test_sizes(key, value):
    assert with_keys(**{key: value}) == []


@pytest.mark.parametrize("key", ["memory_max", "memory_high"])
@pytest.mark.parametrize("value", ["2GB", "2 G", "2g", "0", "80%", "-1G", "much"])
def test_sizes_refused(key, value):
    assert only(with_keys(**{key: value})).variable == f"celery_worker_instances[w1].{key}"


def test_memory_high_is_below_memory_max():
    assert with_keys(memory_max="1G", memory_high="1024M") == []
    assert only(with_keys(memory_max="1G", memory_high="1025M")).variable.endswith(".memory_high")


def test_children_that_together_exceed_memory_max():
    # 4 x 256 MiB are exactly 1 GiB.
    assert with_keys(concurrency=4, max_memory_per_child=262144, memory_max="1G") == []
    problem = only(with_keys(concurrency=4, max_memory_per_child=262145, memory_max="1G"), "warn")
    assert problem.remedy.startswith("lower max_memory_per_child (it counts KiB) to 262144 or less")


def test_autoscale_counts_its_most_children():
    problems = with_keys(autoscale="8,1", max_memory_per_child=262144, memory_max="1G")
    assert "8 processes" in only(problems, "warn").actual


@pytest.mark.parametrize(
    "arguments", [["-O", "fair"], [], None, ["--pool-start-method=spawn"], ["--", "worker.x=1", "-B"]]
)
def test_extra_args(arguments):
    assert with_keys(extra_args=arguments) == []


@pytest.mark.parametrize("argument", ["-B", "--beat", "-s", "--schedule=/x", "--scheduler=x"])
def test_beat_inside_a_worker_is_refused(argument):
    problem = only(with_keys(extra_args=[argument]))
    assert "celery_beat" in problem.remedy
    assert problem.reference


@pytest.mark.parametrize(("option", "key"), sorted(topic.OPTION_KEYS.items()))
def test_extra_args_may_not_repeat_a_key(option, key):
    assert f"set {key}" in only(with_keys(extra_args=[option, "x"])).remedy


@pytest.mark.parametrize("argument", ["-Qa,b", "--queues=a", "-c4", "--autoscale=4,1"])
def test_extra_args_in_other_spellings(argument):
    assert only(with_keys(extra_args=[argument])).variable.endswith(".extra_args")


@pytest.mark.parametrize(("option", "variable"), sorted(topic.OPTION_VARIABLES.items()))
def test_extra_args_may_not_repeat_a_variable(option, variable):
    assert variable in only(with_keys(extra_args=[option])).remedy


@pytest.mark.parametrize("option", topic.OPTIONS_OF_A_DAEMON)
def test_extra_args_may_not_send_the_worker_to_the_background(option):
    assert "foreground" in only(with_keys(extra_args=[option])).expected


def test_extra_args_as_text():
    assert "a list" in only(with_keys(extra_args="-O fair")).expected


@pytest.mark.parametrize(("name", "value"), [("A", "b\nc"), ("CELERY_BROKER_URL", "x"), ("CELERY_WORKER_POOL", "solo")])
def test_environment_of_an_instance(name, value):
    problem = only(with_keys(environment={name: value}))
    assert problem.variable == f"celery_worker_instances[w1].environment.{name}"


@pytest.mark.parametrize("pool", ["solo", "threads", "gevent", "eventlet"])
def test_pools_that_do_not_enforce_every_limit_are_named_once(pool):
    instances = [{"name": name, "queues": ["a"], "pool": pool} for name in ("w1", "w2")]
    assert f"w1 ({pool}) and w2 ({pool}) run tasks" in only(judge(*instances), "warn").actual


def test_prefork_enforces_every_limit():
    assert with_keys(pool="prefork") == with_keys() == []


def with_facts(facts_, **keys):
    return check_instances(facts([{"name": "w1", "queues": ["a"], **keys}], **facts_))


def test_limits_of_an_instance_are_judged_as_those_of_the_application():
    problem = only(with_keys(timeouts={"operation": 120, "soft": 180, "hard": 200, "stop": 300}))
    assert problem.variable == "celery_worker_instances[w1].timeouts.hard"
    assert "soft 180 s, hard 200 s" in problem.actual
    unknown = only(with_keys(timeouts="quick"))
    assert (unknown.variable, unknown.actual) == ("celery_worker_instances[w1].timeouts", "the preset 'quick'")
    assert with_facts({"min_gap": 20}, timeouts={"operation": 120, "soft": 180, "hard": 200, "stop": 300}) == []


def test_hour_of_an_instance_is_above_the_visibility_timeout_of_redis():
    hour = {"operation": 3400, "soft": 3500, "hard": 3600, "stop": 3700}
    assert with_facts({"broker_url": "amqp://h"}, timeouts=hour) == []
    problem = only(with_facts({"broker_url": "redis://h"}, timeouts=hour))
    assert (problem.variable, problem.actual) == (
        "celery_worker_instances[w1].timeouts.hard",
        "hard 3600 s, visibility_timeout 3600 s",
    )


@pytest.mark.parametrize("timeouts", ["none", {"stop": 900}])
def test_instance_may_leave_its_limits_to_the_application(timeouts):
    assert with_keys(timeouts=timeouts, pool="threads") == []


@pytest.mark.parametrize(
    ("timeouts", "seconds", "least"),
    [
        (None, 30, None),
        (None, 31, 301),
        ("slow", 31, 421),
        ("none", 270, None),
        ("none", 271, 301),
        ({"stop": 100}, 60, None),
    ],
)
def test_soft_shutdown_and_hard_limit_together_stay_below_stop(timeouts, seconds, least):
    problems = with_keys(timeouts=timeouts, soft_shutdown_timeout=seconds)
    if least is None:
        assert problems == []
        return
    problem = only(problems)
    assert problem.variable == "celery_worker_instances[w1].soft_shutdown_timeout"
    assert f"soft shutdown {seconds} s = " in problem.actual
    assert f"raise stop to {least} or more" in problem.remedy


def test_soft_shutdown_is_judged_by_the_limits_of_the_application():
    assert with_facts({"timeouts": "slow"}, soft_shutdown_timeout=30) == []
    assert "hard 360 s" in only(with_facts({"timeouts": "slow"}, soft_shutdown_timeout=31)).actual


@pytest.mark.parametrize("value", [0, -1, "soon", 1.5])
def test_soft_shutdown_is_whole_seconds(value):
    assert only(with_keys(soft_shutdown_timeout=value)).variable.endswith("soft_shutdown_timeout")


@pytest.mark.parametrize("pool", ["solo", "gevent", "eventlet"])
def test_soft_shutdown_of_a_pool_that_runs_its_tasks_in_the_loop_is_warned_of(pool):
    problem = only(with_keys(pool=pool, soft_shutdown_timeout=30, timeouts="none"), "warn")
    assert f"30 s, with the pool {pool}" in problem.actual


@pytest.mark.parametrize(
    ("keys", "more", "level"),
    [
        ({}, {"has_sentinel": False, "probe": "ping"}, None),
        ({"remote_control": False}, {}, None),
        ({"remote_control": False}, {"has_sentinel": False}, "refuse"),
        ({"remote_control": False}, {"has_sentinel": False, "is_verified": False}, None),
        ({"remote_control": False}, {"probe": "ping"}, "warn"),
        ({"remote_control": False, "state": "stopped"}, {"has_sentinel": False, "probe": "ping"}, None),
    ],
)
def test_worker_without_remote_control_is_proven_by_its_sentinel(keys, more, level):
    problems = check_instances(facts([{"name": "w1", "queues": ["default"], **keys}], **more))
    assert [problem.level for problem in problems] == ([level] if level else [])
    assert all(problem.variable == "celery_worker_instances[w1].remote_control" for problem in problems)
