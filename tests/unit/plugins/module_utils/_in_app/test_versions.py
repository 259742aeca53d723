# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import versions as remote

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
