# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import re
from datetime import timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import app as remote

# What these releases declare.
KOMBU_57 = [
    "amqp>=5.4.2",
    "vine==5.1.0",
    'tzdata>=2026.2; sys_platform == "win32"',
    'redis<9.0.0,>=6.4.0; extra == "redis"',
    'packaging==26.3; extra == "redis"',
]
KOMBU_53 = ["amqp (<6.0.0,>=5.1.1)", "vine", "redis !=4.5.5,!=5.0.2,>=4.5.2 ; extra == 'redis'"]
CELERY_53 = ["billiard<5.0,>=4.1.0", "kombu<6.0,>=5.3.2", 'redis!=4.5.5,<5.0.0,>=4.5.2; extra == "redis"']
BASE = {"amqp": "5.4.2", "vine": "5.1.0", "billiard": "4.3.2", "packaging": "26.3"}


def test_versions_that_fit():
    versions = dict(BASE, celery="5.3.6", kombu="5.3.7", redis="5.3.1")
    assert list(remote.misfits(versions, {"celery": CELERY_53, "kombu": KOMBU_53}, "redis")) == []


def test_kombu_that_refuses_its_redis():
    versions = dict(BASE, celery="5.3.4", kombu="5.7.0", redis="4.6.0")
    found = list(remote.misfits(versions, {"celery": CELERY_53, "kombu": KOMBU_57}, "redis"))
    assert found == [("kombu 5.7.0 needs redis<9.0.0,>=6.4.0, installed is redis 4.6.0", True)]
    assert remote.remedy(versions, "redis") == "pin kombu to celery's line: celery[redis]==5.3.4 with kombu>=5.3,<5.4"


@pytest.mark.parametrize(
    ("transport", "installed", "only_client"),
    [
        ("redis", {"redis": "4.6.0"}, True),
        ("redis", {"redis": "4.6.0", "amqp": "5.1.1"}, False),
        ("amqp", {"amqp": "5.1.1"}, True),
        ("amqp", {"amqp": "5.1.1", "billiard": "3.6"}, False),
    ],
)
def test_client_library_is_blamed_last(monkeypatch, transport, installed, only_client):
    requires = {"celery": CELERY_53, "kombu": KOMBU_57}
    monkeypatch.setattr("importlib.metadata.requires", requires.get)
    versions = {**BASE, "celery": "5.3.4", "kombu": "5.7.0", **installed}
    fit = remote.fit(versions, transport + "://h")
    assert (fit["ok"], fit["only_client"]) == (False, only_client)


def test_extra_counts_for_its_transport_only():
    versions = dict(BASE, celery="5.3.4", kombu="5.7.0", redis="4.6.0")
    assert list(remote.misfits(versions, {"celery": CELERY_53, "kombu": KOMBU_57}, "memory")) == []


def test_missing_client_library():
    versions = dict(BASE, celery="5.7.0", kombu="5.7.0")
    found = list(remote.misfits(versions, {"celery": [], "kombu": KOMBU_57}, "redis"))
    assert found == [("kombu 5.7.0 needs redis<9.0.0,>=6.4.0, which is not installed", False)]
    assert remote.remedy(versions, "redis") == "install celery[redis]==5.7.0 again, with all that it needs"


def test_missing_celery():
    assert list(remote.misfits({}, {}, "redis")) == [("celery is not installed in this virtual environment", False)]
    assert remote.remedy({}, None) == "install celery into the virtual environment"


@pytest.mark.parametrize(
    ("version", "constraint", "expected"),
    [
        ("5.3.7", ">=5.3.2,<6.0", True),
        ("6.0", ">=5.3.2,<6.0", False),
        ("6.0.0", "<=6.0", True),
        ("4.5.5", "!=4.5.5", False),
        ("5.4.1", "~=5.3", True),
        ("5.4.1", "~=5.3.0", False),
        ("26.3", "==26.2", True),
        ("5.7.0rc1", ">=5.7", True),
        ("5.7.0", "", True),
    ],
)
def test_bounds(version, constraint, expected):
    assert remote.meets(version, constraint) is expected


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


@pytest.fixture
def source(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "tasks.py").write_text("one")
    (tmp_path / "setup.cfg").write_text("two")
    os.symlink("setup.cfg", str(tmp_path / "link"))
    return tmp_path


def test_revision_is_of_the_content(source):
    versions = {"celery": "5.7.0"}
    first = remote.revision(str(source), versions)
    assert re.fullmatch("[0-9a-f]{64}", first)
    for unimportant in (".git", "__pycache__", "shop.egg-info"):
        (source / unimportant).mkdir()
        (source / unimportant / "file").write_text("x")
    (source / "shop" / "tasks.pyc").write_text("x")
    os.utime(str(source / "setup.cfg"), (1, 1))
    assert remote.revision(str(source), versions) == first
    (source / "shop" / "tasks.py").write_text("eno")
    assert remote.revision(str(source), versions) != first


@pytest.mark.parametrize(
    "change",
    [
        lambda source: (source / "shop" / "tasks.py").rename(source / "shop" / "other.py"),
        lambda source: (source / "link").unlink(),
        lambda source: (source / "new").write_text(""),
    ],
)
def test_revision_is_of_the_names(source, change):
    first = remote.revision(str(source), {})
    change(source)
    assert remote.revision(str(source), {}) != first


def test_revision_is_of_the_python_but_not_of_its_last_number(monkeypatch):
    found = []
    for version in (("3", "11", "2"), ("3", "11", "9"), ("3", "13", "5")):
        monkeypatch.setattr("platform.python_version_tuple", lambda version=version: version)
        found.append(remote.revision(None, {"a": "1"}))
    assert found[0] == found[1] != found[2]


def test_revision_is_of_the_distributions():
    assert remote.revision(None, {"a": "1"}) != remote.revision(None, {"a": "2"})
    assert remote.revision(None, {"a": "1", "b": "1"}) == remote.revision(None, {"b": "1", "a": "1"})


def test_flower_is_no_part_of_the_application():
    versions = dict.fromkeys(["celery", "click", "flower", "tornado", "humanize", "redis", "pytz", "shop"], "1")
    required = {
        "celery": {"click"},
        "flower": {"celery", "tornado", "humanize", "pytz"},
        "tornado": {"pytz"},
        "shop": {"humanize"},
    }
    assert set(remote.of_the_application(versions, required)) == {"celery", "click", "humanize", "redis", "shop"}
    del versions["flower"]
    assert remote.of_the_application(versions, required) == versions


def test_revision_is_bounded(source, monkeypatch):
    monkeypatch.setattr(remote, "MOST_BYTES", 0)
    first = remote.revision(str(source), {})
    (source / "shop" / "tasks.py").write_text("eno")
    assert remote.revision(str(source), {}) == first
    (source / "shop" / "tasks.py").write_text("longer")
    assert remote.revision(str(source), {}) != first


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
