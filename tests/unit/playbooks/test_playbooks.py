# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks have the variables that they say, and refuse others. The hosts of the example inventory are not there."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
PLAYBOOKS = {path.stem: path.read_text() for path in sorted((ROOT / "playbooks").glob("*.yml"))}


def options(role):
    """Return by entry point the variables of a role."""
    specification = yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"]
    return {name: set(entry.get("options") or {}) for name, entry in specification.items()}


@pytest.mark.parametrize("name", sorted(set(PLAYBOOKS) - {"deploy"}))
def test_playbook_begins_with_its_entry_point(name):
    """deploy begins with check."""
    (play,) = yaml.safe_load(PLAYBOOKS[name])
    first = play["tasks"][0]
    assert first["ansible.builtin.import_role"] == {"name": "taskfleet.celery.celery", "tasks_from": name}
    # A fleet has many hosts, and one set of variables.
    assert first["run_once"] is True
    assert name in options("celery")


@pytest.mark.parametrize("name", sorted(set(options("celery")) - {"main", "check"}))
def test_header_of_a_playbook_names_the_variables_of_its_entry_point(name):
    header = re.search(r"^# Variables(.*?)^# [A-Z]", PLAYBOOKS[name], re.DOTALL | re.MULTILINE)[1]
    named = set(re.findall(r"^#? +(celery_\w+)", header, re.MULTILINE))
    roles = options("celery_health")["main"] | options("celery_heal")["main"] | {"celery_health_"}
    assert named - roles == options("celery")[name]


@pytest.mark.parametrize("name", sorted(PLAYBOOKS))
def test_variable_that_a_playbook_reads_is_one_of_its_own_or_of_a_role(name):
    words = set(re.findall(r"(?<![\w.])celery_\w+", re.sub(r"(?m)^ *#.*|taskfleet\.celery\S*", "", PLAYBOOKS[name])))
    playbooks = set().union(*options("celery").values())
    assert words & playbooks <= options("celery").get(name, set())


def test_misspelt_variable_of_a_playbook_is_refused_before_anything_happens():
    run = check("rolling_restart", celery_rolling_node="w1@worker1")
    assert run.returncode != 0
    assert "celery_rolling_node: did you mean celery_rolling_nodes?" in run.stdout
    assert "unreachable=1" not in run.stdout
    assert changes(run) == {"0"}


def check(playbook="check", limit="all", **variables):
    command = [sys.executable, "-m", "ansible.cli.playbook", "-i", str(ROOT / "inventories/example"), "--limit", limit]
    environment = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(ROOT.parents[2]), ANSIBLE_NOCOLOR="1")
    return subprocess.run(
        [*command, f"taskfleet.celery.{playbook}", "-e", json.dumps(variables)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )


def changes(run):
    return set(re.findall(r"changed=(\d+)", run.stdout))


def test_example_has_no_problem():
    run = check(limit="broker1", ansible_connection="local")
    assert run.returncode == 0, run.stdout
    assert changes(run) == {"0"}


def test_deployment_of_a_misspelt_key_is_refused_before_anything_changes():
    run = check("deploy", celery_app_source={"versoin": 1})
    assert run.returncode != 0
    assert "did you mean version" in run.stdout
    assert changes(run) == {"0"}


def test_problems_of_all_roles_are_said_at_once():
    run = check(celery_app_broker_url="x", celery_flower_port=99999, celery_beat_loglevel="LOUD")
    assert run.returncode != 0
    summary = run.stdout.partition("Refused, and nothing was changed.")[2]
    assert "celery_app on broker1, worker1 and worker2: Preflight found 1 problem" in summary
    assert "celery_flower on broker1: Preflight found 1 problem" in summary
    assert "celery_beat on worker1: Validation of arguments failed" in summary
    assert changes(run) == {"0"}
