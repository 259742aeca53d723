# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says adds to what a role needs itself, and repeats none of it."""

from __future__ import annotations

import pathlib

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = pathlib.Path(__file__).resolve().parents[3] / "roles"


def evaluate(role, expression, **inventory):
    """What a task of a role gets for an expression, with these variables of the inventory."""
    loader = DataLoader()
    files = [str(ROLES / role / folder / "main.yml") for folder in ("defaults", "vars")]
    defaults, own = [loader.load_from_file(file, trusted_as_template=True) for file in files]
    return Templar(loader, variables={**defaults, **inventory, **own}).template(trust_as_template(expression))


def packages(**inventory):
    task = DataLoader().load_from_file(str(ROLES / "celery_app/tasks/install.yml"))[0]
    return evaluate("celery_app", str(task["ansible.builtin.apt"]["name"]), **inventory)


def test_packages_of_the_inventory_add_to_those_of_the_role():
    own = ["python3-venv", "python3-packaging", "logrotate"]
    assert packages() == own
    assert packages(celery_app_system_packages=["libpq-dev"]) == [*own, "libpq-dev"]


def test_packages_have_git_for_a_repository():
    assert "git" in packages(celery_app_source={"type": "git"}, celery_app_system_packages=["libpq-dev"])


@pytest.mark.parametrize("key", ["interval", "timeout", "retries", "start_period"])
def test_healthcheck_keeps_what_is_not_named(key):
    values = evaluate(
        "celery_worker", "{{ __celery_worker_healthcheck }}", celery_worker_healthcheck={"method": "ping"}
    )
    usual = evaluate("celery_worker", "{{ __celery_worker_healthcheck }}")
    assert (values["method"], usual["method"]) == ("ping", "sentinel")
    assert values[key] == usual[key]
