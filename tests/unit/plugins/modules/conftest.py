# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module in the test's own process."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils.common.parameters import PASS_VARS
from ansible.module_utils.testing import patch_module_args


@pytest.fixture
def run_module(capsys):
    """Run a module's main() and return its result; a failed module has `failed` in it."""

    def run(module, check_mode=False, **arguments):
        if check_mode:
            arguments["_ansible_check_mode"] = True
        # Since 2.21, ansible-core leaves the invocation out unless it is asked for.
        if "inject_invocation" in PASS_VARS:
            arguments["_ansible_inject_invocation"] = True
        with patch_module_args(arguments), pytest.raises(SystemExit) as ended:
            module.main()
        result = json.loads(capsys.readouterr().out)
        # Since 2.22, ansible-core takes these out of the result, so as not to print them.
        result.pop("_ansible_new_secrets", None)
        assert ended.value.code == (1 if result.get("failed") else 0)
        return result

    return run


@pytest.fixture
def look_returns(monkeypatch):
    """Put outcomes where a module looks from the application's Python; the last one stays. Returns the calls."""

    def replace(module, *outcomes):
        calls = []
        left = list(outcomes)

        def look(*arguments):
            calls.append(arguments)
            return left.pop(0) if len(left) > 1 else left[0]

        monkeypatch.setattr(module, "look", look)
        return calls

    return replace
