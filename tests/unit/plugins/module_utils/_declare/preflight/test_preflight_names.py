# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.names import Vocabulary, check_names

KEYS = {"name": {"type": "str"}, "queues": {"type": "list"}, "concurrency": {"type": "int"}}
OPTIONS = {
    "celery_app_name": {"type": "str"},
    "celery_app_source": {"type": "dict", "options": {"type": {"type": "str"}, "version": {"type": "str"}}},
    "celery_app_environment": {"type": "dict"},
    "celery_health_fail_on": {"type": "list"},
    "celery_heal_max_fraction": {"type": "float"},
    "celery_worker_defaults": {"type": "dict"},
    "celery_worker_instances": {"type": "list", "options": KEYS},
    "celery_worker_sentinel": {"type": "bool"},
    "celery_hosts": {"type": "str"},
}
ROLES = ("celery_app", "celery_health", "celery_heal", "celery_worker")
VOCABULARY = Vocabulary(OPTIONS, frozenset({"celery_worker_declared"}), {f"{role}_": role for role in ROLES})


def check(inventory, given=(), groups=None):
    return check_names({"vocabulary": VOCABULARY, "inventory": inventory, "given": set(given), "groups": groups or {}})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("celery_worker_instance", "celery_worker_instances"),
        ("celery_workers_instances", "celery_worker_instances"),
        ("celery_heal_max_fracton", "celery_heal_max_fraction"),
        ("celery_health_fail_onn", "celery_health_fail_on"),
        ("celery_heal_fail_on", "celery_health_fail_on"),
        ("celery_app_nmae", "celery_app_name"),
        ("celery_worker_queues", "the key queues of celery_worker_instances"),
    ],
)
def test_misspelt_variable_is_refused_with_the_one_that_was_meant(name, meant):
    (problem,) = check({"web1": {name: None}})
    assert (problem.level, problem.variable, problem.suggestion) == ("refuse", name, meant)
    assert str(problem).startswith(f"{name}: did you mean {meant}?")
    assert meant in problem.remedy


def test_variable_that_resembles_none_is_refused_by_its_prefix():
    (problem,) = check({"web1": {"celery_worker_purpose": None}})
    assert problem.suggestion == ""
    assert str(problem).startswith("celery_worker_purpose\n")
    assert "ansible-doc -t role taskfleet.celery.celery_worker" in problem.expected
    assert "a name that does not begin with celery_worker_" in problem.remedy


@pytest.mark.parametrize(
    "name",
    [
        "celery_worker_sentinel",
        "celery_worker_declared",  # given by the role
        "celery_hosts",
        "celery_host",  # an inventory's own
        "celery_hosts_file",
        "celery_queue",
        "celery_environment",
        "celery_exporter_port",  # of another collection
        "celery_workers",
        "__celery_worker_x",
        "worker_instances",
        "ansible_host",
    ],
)
def test_other_variables_are_let_be(name):
    assert check({"web1": {name: None}}) == []


@pytest.mark.parametrize("name", ["celery_host", "celery_hots", "celery_hosts_pattern"])
def test_near_name_on_the_command_line_is_refused(name):
    (problem,) = check({"web1": {name: None}}, given=[name])
    assert problem.suggestion == "celery_hosts"
    assert "given on the command line" in problem.actual


@pytest.mark.parametrize("name", ["celery_release", "celery_environment", "celery_worker_sentinel"])
def test_other_names_on_the_command_line_are_let_be(name):
    assert check({"web1": {name: None}}, given=[name]) == []


@pytest.mark.parametrize(
    ("variable", "value", "where", "meant"),
    [
        ("celery_app_source", {"versoin": 1}, "celery_app_source.versoin", "version"),
        (
            "celery_worker_instances",
            [{"name": "w1", "concurency": 2}],
            "celery_worker_instances[w1].concurency",
            "concurrency",
        ),
        ("celery_worker_instances", [{"queue": ["a"]}], "celery_worker_instances[0].queue", "queues"),
        ("celery_worker_defaults", {"concurency": 2}, "celery_worker_defaults.concurency", "concurrency"),
        ("celery_worker_instances", {"zzz": 1}, "celery_worker_instances.zzz", ""),
    ],
)
def test_misspelt_key_is_refused_with_the_one_that_was_meant(variable, value, where, meant):
    (problem,) = check({"web1": {variable: value}})
    assert (problem.level, problem.variable, problem.suggestion) == ("refuse", where, meant)
    assert "one of " in problem.expected


@pytest.mark.parametrize(
    "value",
    [
        {"celery_app_environment": {"ANY": 1}},
        {"celery_app_source": {"type": "git", "version": "v1"}},
        {"celery_app_source": "{{ later }}"},
        {"celery_worker_instances": [{"name": "w1", "queues": ["a"]}, "w2"]},
        {"celery_worker_instances": None},
    ],
)
def test_good_keys_and_what_is_no_dict(value):
    assert check({"web1": value}) == []


def test_problem_of_many_hosts_comes_once():
    hosts = {f"web{number}": {"celery_worker_instance": None} for number in range(8)}
    (problem,) = check(hosts)
    assert problem.actual.endswith("set for web0, web1, web2, web3, web4 and 3 more")


def test_problems_with_a_suggestion_come_first():
    problems = check({"web1": {"celery_app_zzz": None, "celery_worker_instance": None}})
    assert [problem.variable for problem in problems] == ["celery_worker_instance", "celery_app_zzz"]


@pytest.mark.parametrize(("group", "meant"), [("celery_worker", "celery_workers"), ("celery_flowers", "celery_flower")])
def test_group_that_is_misspelt_is_refused(group, meant):
    (problem,) = check({}, groups={group: ["web1"], "celery": ["web1", "web2"], "celery_workers": ["web2"]})
    assert (problem.level, problem.variable, problem.suggestion) == ("refuse", f"the group {group}", meant)
    assert "with web1" in problem.actual


@pytest.mark.parametrize(
    "groups",
    [
        {"celery_workers": ["web1"], "celery_workers_eu": ["web1"]},
        {"celery_workers": ["web1"], "celery": ["web1", "db1"], "celery_exporters": ["db1"], "all": ["web1", "db1"]},
        {"celery_worker": []},
    ],
)
def test_other_groups_are_let_be(groups):
    assert check({}, groups=groups) == []
