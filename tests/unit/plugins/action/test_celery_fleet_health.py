# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import stat
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.template import Templar
from ansible_collections.taskfleet.celery.plugins.action import celery_fleet_health
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.fleet_health import judged

NODE = {"node": "w1@web1", "host": "web1", "instance": "w1", "queues": ["celery"], "limits": {"hard": 240}}
CLOCK = {"began_at": 100.0, "ended_at": 100.0, "offset": 0.0, "uncertainty": 0.0}
LOOKED = {"samples": [{"clock": CLOCK, "instances": {}}, {"clock": CLOCK, "instances": {}}]}


class Hostvars(dict):
    """By host its variables; ``raw_get`` as Ansible's, which leaves templates alone."""

    raw_get = dict.__getitem__


def run(asked, check_mode=False, **arguments):
    """Run the action as if the module had returned ``asked``; return its result and what the module was given."""
    loader = DataLoader()
    task = Task()
    task.action = "taskfleet.celery.celery_fleet_health"
    task.args = {"celery_python": "/v/bin/python", "app": "shop", "name": "shop", "expected": [NODE], **arguments}
    task.check_mode = check_mode
    play = MagicMock(check_mode=check_mode)
    action = celery_fleet_health.ActionModule(task, MagicMock(), play, loader, Templar(loader=loader), None)
    given = {}

    def execute(_name, module_args, task_vars):
        given.update(module_args)
        return asked

    action._execute_module = execute
    hostvars = Hostvars(web1={"looked": LOOKED}, web2={})
    return action.run(task_vars={"hostvars": hostvars}), given


GOOD = {"reply": {"broker": {"reachable": True}}, "problem": "", "app_output_tail": "", "elapsed": 1.0}


def test_module_gets_no_evidence():
    _result, given = run(GOOD, registered="looked", hosts=["web1", "web2"], evidence_file="/nowhere/x", check_mode=True)
    assert {"host_evidence", "registered", "hosts", "evidence_file", "return_evidence"}.isdisjoint(given)
    assert [node["node"] for node in given["expected"]] == ["w1@web1"]


def test_looks_are_read_from_the_hosts():
    result, _given = run(GOOD, registered="looked", hosts=["web1", "web2"])
    assert len(result["evidence"]["hosts"]["web1"]["samples"]) == 2
    assert result["evidence"]["hosts"]["web2"]["reachable"] is None
    assert result["report"]["nodes"][0]["node"] == "w1@web1"
    assert set(result["work"]) == {"w1@web1"}


def test_look_at_an_unreachable_host_is_kept_without_what_ansible_added(tmp_path):
    gone = {"unreachable": True, "msg": "no route", "exception": object(), "warnings": [object()]}
    path = tmp_path / "given.json"
    result, _given = run(GOOD, host_evidence={"web1": gone, "web2": [gone]}, given_file=str(path))
    assert json.loads(path.read_text())["looks"] == {
        "web1": {"unreachable": True, "msg": "no route"},
        "web2": [{"unreachable": True, "msg": "no route"}],
    }
    assert result["report"]["nodes"][0]["reason"] == "host_unreachable"


def test_nodes_that_do_not_work_are_named():
    (sentence,) = run(GOOD)[0]["unverified"]
    assert sentence.startswith("w1@web1 is unknown/")


def test_evidence_is_written_on_the_controller(tmp_path):
    path = tmp_path / "reports/evidence.json"
    result, _given = run(GOOD, evidence_file=str(path), return_evidence=False)
    assert "evidence" not in result
    assert set(json.loads(path.read_text())["nodes"]) == {"w1@web1"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_what_is_judged_is_written_on_the_controller_and_judged_the_same_again(tmp_path):
    path = tmp_path / "given.json"
    result, _given = run(GOOD, registered="looked", hosts=["web1", "web2"], given_file=str(path))
    kept = json.loads(path.read_text())
    assert set(kept["looks"]) == {"web1", "web2"}
    assert judged(**kept)["report"] == result["report"]


def test_check_mode_writes_nothing(tmp_path):
    run(GOOD, check_mode=True, evidence_file=str(tmp_path / "evidence.json"), given_file=str(tmp_path / "given.json"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("asked", [{"problem": "it does not import"}, {"failed": True, "msg": "it does not import"}])
def test_question_that_could_not_be_put_is_reported(asked):
    result, _given = run(asked)
    assert (result["asked"], result["problem"]) == (False, "it does not import")
    assert not result.get("failed")
    assert run(asked, earlier_problem="no interpreter")[0]["problem"] == "no interpreter"
    assert run(GOOD, earlier_problem="no interpreter")[0]["problem"] == ""


@pytest.mark.parametrize(
    ("arguments", "how"),
    [({"host": "web2"}, "from web2"), ({"app": None, "broker_url": "redis://h/0"}, "by the broker's URL")],
)
def test_answer_by_another_way_says_why_the_first_failed(arguments, how):
    lines = run(GOOD, earlier_problem="shop does not import", **arguments)[0]["lines"]
    (line,) = [line for line in lines if "shop does not import" in line]
    assert how in line
    assert not [line for line in run(GOOD, **arguments)[0]["lines"] if "were asked" in line]


@pytest.mark.parametrize(("policy", "words"), [({"nosuch": 1}, "nosuch"), ({"samples": 1}, "at least 2")])
def test_policy_that_cannot_be_judged_by_is_refused(policy, words):
    with pytest.raises(AnsibleActionFail, match=words):
        run(GOOD, policy=policy)
