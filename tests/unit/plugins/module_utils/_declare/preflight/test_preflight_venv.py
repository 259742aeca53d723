# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.venv import check_venv

GOOD = {"python": "python3.12", "version": "3.12", "error": "", "venv": "/opt/shop/venv", "venv_version": "3.12"}


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"venv_version": ""},
        # It is the default that differs: somebody made the environment with another Python, and it works.
        {"python": "python3", "venv_version": "3.11"},
    ],
)
def test_good_virtual_environments(facts):
    assert check_venv({**GOOD, **facts}) == []


def test_python_that_was_changed_is_refused_while_the_environment_works():
    (problem,) = check_venv({**GOOD, "venv_version": "3.11"})
    assert problem.level == "refuse"
    assert problem.actual == "python3.12, which is Python 3.12; /opt/shop/venv is of Python 3.11"
    assert "celery_app_venv, for example /opt/shop/venv-3.12" in problem.remedy


def test_python_that_does_not_run_is_refused_with_its_error():
    (problem,) = check_venv({**GOOD, "version": "", "error": "No such file or directory: 'python3.12'"})
    assert "does not run on the host: No such file or directory: 'python3.12'" in problem.actual
    (problem,) = check_venv({**GOOD, "version": ""})
    assert problem.actual.endswith("it cannot be started")
