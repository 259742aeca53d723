# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
from types import SimpleNamespace

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._service import apply, files, owned_files

MARK = owned_files.marker("shop", "celery_worker")


def test_marker_names_app_and_owner():
    assert MARK == "# Managed by taskfleet.celery: app=shop owner=celery_worker"


def test_owned_looks_at_the_first_line_only():
    assert owned_files.owned(MARK + "\n[Unit]\n", MARK)
    assert not owned_files.owned("[Unit]\n" + MARK, MARK)
    assert not owned_files.owned(MARK.replace("shop", "shop2") + "\n", MARK)
    assert not owned_files.owned(None, MARK)


def test_write_sets_content_and_mode(tmp_path):
    path = str(tmp_path / "a.env")
    owned_files.write(path, "x\n", 0o640, None, None)
    assert owned_files.read(path) == "x\n"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    assert os.listdir(tmp_path) == ["a.env"]


def test_differs(tmp_path):
    path = str(tmp_path / "a.env")
    assert owned_files.differs(path, "x", 0o640, None, None)
    owned_files.write(path, "x", 0o640, None, None)
    assert not owned_files.differs(path, "x", 0o640, None, None)
    assert not owned_files.differs(path, "x", 0o640, os.getuid(), None)
    assert owned_files.differs(path, "y", 0o640, None, None)
    assert owned_files.differs(path, "x", 0o644, None, None)
    assert owned_files.differs(path, "x", 0o640, os.getuid() + 1, None)


def test_own_makes_a_file_and_leaves_what_is_in_it(tmp_path):
    path = tmp_path / "worker.log"
    assert not owned_files.has(str(path), 0o640, None, None)
    owned_files.own(str(path), 0o640, None, None)
    assert owned_files.has(str(path), 0o640, os.getuid(), os.getgid())
    path.write_text("a line\n")
    path.chmod(0o600)
    assert not owned_files.has(str(path), 0o640, None, None)
    owned_files.own(str(path), 0o640, None, None)
    assert owned_files.has(str(path), 0o640, None, None)
    assert path.read_text() == "a line\n"


def test_own_follows_no_link(tmp_path):
    shadow = tmp_path / "shadow"
    shadow.write_text("secret\n")
    shadow.chmod(0o600)
    log = tmp_path / "worker.log"
    log.symlink_to(shadow)
    assert not owned_files.has(str(log), 0o600, None, None)
    with pytest.raises(owned_files.ForeignFile, match="is a link"):
        owned_files.own(str(log), 0o640, None, None)
    assert stat.S_IMODE(shadow.stat().st_mode) == 0o600


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = str(tmp_path / "a.env")
    owned_files.write(path, "old", 0o640, None, None)
    with pytest.raises(UnicodeEncodeError):
        owned_files.write(path, "\ud800", 0o640, None, None)
    assert owned_files.read(path) == "old"
    assert os.listdir(tmp_path) == ["a.env"]


def test_sweep_finds_only_marked_files(tmp_path):
    for name, text in (
        ("shop-worker@a.service", MARK + "\n"),
        ("shop-worker@b.service", "[Unit]\n"),
        ("shop-worker@c.timer", MARK + "\n"),
    ):
        (tmp_path / name).write_text(text)
    assert owned_files.sweep(str(tmp_path), ".service", MARK) == ["shop-worker@a"]
    assert owned_files.sweep(str(tmp_path / "missing"), ".service", MARK) == []


def test_digest_tells_where_one_text_ends():
    assert owned_files.digest("ab", "c") != owned_files.digest("a", "bc")
    assert owned_files.digest("a", None) == owned_files.digest("a", "")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("[Service]\nTimeoutStopSec=3700\n", 3700),
        ("stopwaitsecs=210\n", 210),
        ("# TimeoutStopSec=5\nTimeoutStartSec=60\n", None),
        (None, None),
    ],
)
def test_file_of_a_service_says_how_long_its_stop_may_take(tmp_path, text, seconds):
    path = tmp_path / "shop-worker@w1.service"
    if text:
        path.write_text(text)
    assert files.stop_timeout(str(path)) == seconds


def remove(directory, names, services=()):
    """Remove services; return how long each was given to stop."""
    retired = []
    manager = SimpleNamespace(
        path=lambda name: str(directory / name),
        retire=lambda name, timeout: retired.append((name, timeout)),
        forget=lambda name: None,
    )
    params = {
        "remove_timeout": 300,
        "config_directory": str(directory),
        "services": [{"environment_name": name + ".env"} for name in services],
    }
    for name in names:
        apply.remove(params, manager, {"name": name, "environment_name": name + ".env"})
    return retired


def test_service_that_is_removed_has_its_own_time_to_stop(tmp_path):
    (tmp_path / "long").write_text("stopwaitsecs=3700\n")
    assert remove(tmp_path, ["long", "gone"]) == [("long", 3700), ("gone", 300)]


def test_environment_stays_for_the_same_service_under_another_service_manager(tmp_path):
    for name in ("moved", "gone"):
        (tmp_path / name).write_text("")
        (tmp_path / (name + ".env")).write_text("")
    remove(tmp_path, ["moved", "gone"], services=["moved"])
    assert sorted(os.listdir(tmp_path)) == ["moved.env"]
