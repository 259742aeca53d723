# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pathlib
from unittest.mock import MagicMock

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.template import Templar, trust_as_template
from ansible_collections.taskfleet.celery.plugins.action import celery_preflight
from ansible_collections.taskfleet.celery.plugins.modules import celery_preflight as documented


def run(arguments, task_vars=None, check_mode=False):
    loader = DataLoader()
    task = Task()
    task.action = "taskfleet.celery.celery_preflight"
    task.args = arguments
    task.check_mode = check_mode
    action = celery_preflight.ActionModule(
        task=task,
        connection=MagicMock(),
        play_context=MagicMock(check_mode=check_mode),
        loader=loader,
        templar=Templar(loader=loader),
        shared_loader_obj=None,
    )
    return action.run(task_vars=task_vars or {})


def test_nothing_to_judge():
    assert run({}) == {"changed": False, "problems": [], "warnings": []}


def test_good_facts():
    result = run({"checks": {"timeouts": {"value": "default"}}})
    assert not result.get("failed")
    assert result["problems"] == []


@pytest.mark.parametrize("check_mode", [False, True])
def test_all_refusals_come_in_one_message(check_mode):
    checks = {"timeouts": {"value": "quick"}, "broker": {"kind": "redis"}, "flower": {}}
    result = run({"checks": checks}, check_mode=check_mode)
    assert result["failed"]
    assert result["changed"] is False
    assert result["msg"].startswith("Preflight found 3 problems.")
    for variable in ("celery_app_timeouts", "celery_broker_password", "celery_flower_basic_auth"):
        assert variable in result["msg"]
    assert [problem["level"] for problem in result["problems"]] == ["refuse"] * 3


def test_warning_does_not_fail():
    instances = [{"name": "w1", "queues": ["a"], "pool": "threads"}]
    result = run({"checks": {"instances": {"instances": instances, "inventory_hostname": "web1"}}})
    assert not result.get("failed")
    assert "w1 (threads) runs tasks without all of the time limits" in result["warnings"][0]
    assert result["problems"][0]["level"] == "warn"


def test_warning_is_not_part_of_the_refusals():
    instances = [{"name": "w1", "queues": [], "pool": "threads"}]
    result = run({"checks": {"instances": {"instances": instances, "inventory_hostname": "web1"}}})
    assert result["failed"]
    assert "time limits" not in result["msg"]
    assert len(result["problems"]) == 2


@pytest.mark.parametrize(
    ("checks", "names"),
    [
        ({"nosuch": {}}, "checks.nosuch"),
        ({"timeouts": {"value": "default", "nosuch": 1}}, "checks.timeouts.nosuch"),
        ({"timeouts": {}}, "value"),
    ],
)
def test_unknown_and_missing_facts_are_errors(checks, names):
    with pytest.raises(AnsibleActionFail, match=names):
        run({"checks": checks})


def test_refusal_shows_no_password():
    checks = {
        "app": {
            "name": "Shop",
            "module": "",
            "source": {"type": "none"},
            "broker_url": "http://u:hunter2@h",
            "environment": {"CELERY_BROKER_URL": "redis://:hunter2@h"},
        },
        "flower": {"basic_auth": ["hunter2"]},
        "broker": {"kind": "redis", "password": "hunter2 hunter2"},
        "beat": {"app": "shop", "hosts": [], "scheduler": "redbeat", "broker_url": "amqp://u:hunter2@h"},
    }
    assert "hunter2" not in str(run({"checks": checks}))


def names(task_vars, **facts):
    return run({"checks": {"names": facts}}, task_vars)


def test_unknown_variables_of_a_role_are_refused():
    task_vars = {
        "celery_worker_instnces": [],
        "celery_worker_purpose": "hunter2",
        "celery_worker_instances": [],
        "celery_worker_declared": [],
        "celery_app_nmae": "",
    }
    result = names(task_vars, roles=["celery_worker"])
    assert result["failed"]
    assert [(problem["variable"], problem["suggestion"]) for problem in result["problems"]] == [
        ("celery_worker_instnces", "celery_worker_instances"),
        ("celery_worker_purpose", ""),
    ]
    assert "hunter2" not in str(result)


def test_names_of_all_hosts_are_judged_by_all_roles():
    hosts = {"web1": {"celery_app_nmae": 1}, "web2": {"celery_app_source": {"versoin": 1}}}
    result = names({"hostvars": hosts, "groups": {}}, hosts=["web1", "web2"])
    assert [problem["variable"] for problem in result["problems"]] == ["celery_app_source.versoin", "celery_app_nmae"]
    assert "celery_app_source.versoin: did you mean version?" in result["msg"]
    assert "set for web2" in result["msg"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("celery_rolling_node", "celery_rolling_nodes"),
        ("celery_heal_max_fracton", "celery_heal_max_fraction"),
        ("celery_health_fail_onn", "celery_health_fail_on"),
        ("celery_canary_queue", "celery_canary_queues"),
        ("celery_beat_stop_stray", "celery_beat_stop_strays"),
        ("celery_app_repo", "the key repo of celery_app_source"),
    ],
)
def test_variable_that_was_meant_is_named(name, meant):
    (problem,) = names({name: "x"})["problems"]
    assert problem["suggestion"] == meant


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("celery_host", "celery_hosts"),
        ("celery_queue", "celery_queues"),
        ("celery_confrim", "celery_confirm"),
        ("celery_report_directory", "celery_report_dir"),
        ("celery_dump_form", "celery_dump_from"),
    ],
)
def test_near_name_is_refused_on_the_command_line_only(monkeypatch, name, meant):
    assert names({name: "x"})["problems"] == []
    monkeypatch.setattr(celery_preflight, "load_extra_vars", lambda _loader: {name: "x"})
    (problem,) = names({name: "x"})["problems"]
    assert problem["suggestion"] == meant


@pytest.mark.parametrize(
    "name",
    ["celery_user", "celery_venv", "celery_version", "celery_python", "celery_queue_names", "celery_exporter_port"],
)
def test_names_of_an_inventory_s_own_are_let_be(monkeypatch, name):
    assert names({name: "x"})["problems"] == []
    monkeypatch.setattr(celery_preflight, "load_extra_vars", lambda _loader: {name: "x"})
    assert names({name: "x"})["problems"] == []


def test_playbooks_variable_with_a_role_s_prefix_is_known_to_the_role():
    assert names({"celery_beat_stop_strays": True}, roles=["celery_beat"])["problems"] == []


def test_prefixes_of_the_playbooks_are_those_of_their_variables():
    words = celery_preflight.vocabulary(DataLoader(), [])
    for prefix in celery_preflight.PREFIXES:
        assert [option for option in words.options if option.startswith(prefix)], prefix


@pytest.mark.parametrize("role", ["celery_broker", "celery_worker"])
def test_variable_of_another_role_is_no_misspelling(role):
    """celery_broker_verify_timeout and celery_worker_verify_timeout are nearly the same, and both are variables."""
    words = celery_preflight.vocabulary(DataLoader(), [role])
    for name in ("celery_broker_verify_timeout", "celery_worker_verify_timeout"):
        assert not words.is_misspelt(name, is_given=False)
    assert words.is_misspelt(f"{role}_verify_timeuot", is_given=False)


def test_keys_behind_a_template_are_judged():
    source = trust_as_template("{{ {'versoin': 1} }}")
    assert names({"celery_app_source": source})["problems"][0]["suggestion"] == "version"


def test_value_that_is_none_yet_is_let_be():
    source = trust_as_template("{{ nobody_set_this }}")
    assert names({"celery_app_source": source})["problems"] == []


ROOT = pathlib.Path(celery_preflight.__file__).parents[2]


def set_by_tasks():
    """Return the names that tasks set or register for everybody to read, and those that set_stats hands over."""
    for path in [*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("playbooks/*.yml")]:
        yield from tasks_set(yaml.safe_load(path.read_text()))


def tasks_set(value):
    if isinstance(value, list):
        for item in value:
            yield from tasks_set(item)
    elif isinstance(value, dict):
        yield from [value["register"]] if isinstance(value.get("register"), str) else []
        yield from value.get("ansible.builtin.set_fact") or {}
        yield from (value.get("ansible.builtin.set_stats") or {}).get("data") or {}
        for held in value.values():
            yield from tasks_set(held)


def test_names_that_the_collection_sets_itself_are_known(monkeypatch):
    """AWX gives what a job has handed over to the next one, as if it came from the command line."""
    ours = {name: {} for name in set_by_tasks() if not name.startswith("__")}
    assert {"celery_app_info", "celery_health", "celery_beat_reset"} <= set(ours)
    assert names(ours)["problems"] == []
    monkeypatch.setattr(celery_preflight, "load_extra_vars", lambda _loader: ours)
    assert names(ours)["problems"] == []


def flat(options, path=()):
    """Return type, default, required, elements and kind of every option, by path."""
    found = {}
    for name, option in options.items():
        found[(*path, name)] = tuple(option.get(key) for key in ("type", "default", "required", "elements"))
        found.update(flat(option.get("suboptions") or option.get("options") or {}, (*path, name)))
    return found


def test_documentation_has_every_fact():
    options = yaml.safe_load(documented.DOCUMENTATION)["options"]
    assert flat(options) == flat(celery_preflight.argument_spec())
