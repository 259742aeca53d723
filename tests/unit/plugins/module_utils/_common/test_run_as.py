# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pwd
import types

from ansible_collections.taskfleet.celery.plugins.module_utils._common import run_as


def test_root_works_as_the_owner_of_the_environment(monkeypatch):
    daemon = pwd.getpwnam("daemon").pw_uid
    owners = {"/opt/shop/venv/bin": daemon}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "stat", lambda path: types.SimpleNamespace(st_uid=owners[path]))
    become, account = run_as.account_of(None, None, "/opt/shop/venv/bin/python")
    assert account.pw_name == "daemon"
    assert become is not None
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    assert run_as._owner("/opt/shop/venv/bin/python") == 1234
