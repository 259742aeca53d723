# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import app as remote


def test_queues_that_the_application_names():
    assert remote.queues(
        "celery",
        [SimpleNamespace(name="declared"), "named", SimpleNamespace(name="bcast.3f1c", alias="broadcast")],
        [
            {
                "shop.a": {"queue": "routed"},
                "shop.b": "short",
                re.compile("x"): {"queue": SimpleNamespace(name="object")},
            },
            ("shop.c", {"queue": "paired"}),
            (re.compile(r"shop\..*"), "matched"),
            lambda _name: {"queue": "unknown"},
            "shop.routers.Router",
        ],
        {"x": {"task": "shop.a", "options": {"queue": "timed"}}, "y": {"task": "shop.b"}, "z": object()},
        {"shop.a": SimpleNamespace(queue="decorated"), "shop.b": SimpleNamespace(queue=None), "shop.c": object()},
    ) == sorted(
        [
            "celery",
            "declared",
            "named",
            "broadcast",
            "routed",
            "short",
            "object",
            "paired",
            "matched",
            "timed",
            "decorated",
        ]
    )


def test_queues_without_any_setting():
    assert remote.queues("celery", None, None, {}, {}) == ["celery"]
    assert remote.queues("celery", {"a": {}, "b": {}}, None, {}, {}) == ["a", "b", "celery"]


def test_failed_import_names_the_line_of_the_application(tmp_path):
    path = tmp_path / "shop.py"
    path.write_text("import os\nraise RuntimeError('redis://:hunter22@h/0')\n")
    with pytest.raises(RuntimeError) as caught:
        exec(compile(path.read_text(), str(path), "exec"))
    failure = remote.failure(caught.value)
    assert failure["imported"] is False
    assert failure["error_line"] == "RuntimeError: redis://:***@h/0"
    assert failure["error"] == "the application does not import: RuntimeError: redis://:***@h/0 ({0}, line 2)".format(
        path
    )


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("<frozen importlib._bootstrap>", True),
        ("<ansible_collections.taskfleet.celery.plugins.module_utils._in_app.app>", True),
        ("/opt/shop/venv/lib/python3.11/site-packages/celery/app/utils.py", True),
        ("/usr/lib/python3.11/importlib/__init__.py", True),
        ("/opt/shop/src/shop/tasks.py", False),
        ("/opt/shop/venv/lib/python3.11/site-packages/requests/api.py", False),
    ],
)
def test_frames_that_only_import(filename, expected):
    assert remote.is_machinery(filename) is expected


def test_modules_that_import():
    assert remote.import_error("json") is None
    assert remote.import_error("no_such_module") == ""


def test_module_that_is_there_and_does_not_import(tmp_path, monkeypatch):
    (tmp_path / "broken_scheduler.py").write_text("from json import no_such_name")
    (tmp_path / "needy_scheduler.py").write_text("import no_such_module")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert remote.import_error("broken_scheduler").startswith("ImportError: cannot import name 'no_such_name'")
    assert remote.import_error("needy_scheduler") == "ModuleNotFoundError: No module named 'no_such_module'"


def test_settings_become_plain():
    assert remote.plain({"a": (1, {"b"}), 2: object}) == {"a": [1, ["b"]], "2": "<class 'object'>"}


@pytest.mark.parametrize(("zone", "expected"), [("Europe/Madrid", True), ("UTC", False), ("America/Caracas", False)])
def test_clock_that_changes_within_the_year(zone, expected):
    assert remote.has_daylight_saving(ZoneInfo(zone)) is expected


def test_tasks_with_limits_of_their_own():
    tasks = {
        "shop.a": SimpleNamespace(soft_time_limit=None, time_limit=timedelta(hours=2)),
        "shop.b": SimpleNamespace(soft_time_limit=30, time_limit=None),
        "shop.c": SimpleNamespace(soft_time_limit=None, time_limit=None),
        "shop.d": object(),
    }
    expected = {"shop.a": {"soft": None, "hard": 7200.0}, "shop.b": {"soft": 30, "hard": None}}
    assert remote.task_limits(tasks) == expected
