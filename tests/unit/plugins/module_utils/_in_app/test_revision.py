# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import re
from types import SimpleNamespace

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.celery_plugin import plugin
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import revision as remote
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.versions import installed


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


def distribution(name, version="1", requires=(), origin=None):
    return SimpleNamespace(
        metadata={"Name": name},
        version=version,
        requires=list(requires),
        read_text=lambda file: origin if file == "direct_url.json" else None,
    )


@pytest.fixture
def digest(monkeypatch, tmp_path):
    """Digest an application without a source tree, whose module is not found, in an empty environment."""
    present = []
    monkeypatch.setattr("importlib.metadata.distributions", lambda: present)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr(remote.sys, "path", [])
    monkeypatch.chdir(tmp_path)

    def digest_with(*distributions, app="nowhere.celery", source_dir=None):
        present[:] = distributions
        return remote.code_digest(installed(), source_dir, app)

    return digest_with


def from_git(commit):
    return json.dumps({"url": "https://git.example.com/shop", "vcs_info": {"vcs": "git", "commit_id": commit}})


def test_other_commit_of_the_same_version_is_other_code(digest):
    first, again, other = (digest(distribution("shop", origin=from_git(commit))) for commit in ("a1", "a1", "b2"))
    assert first == again != other


def test_origin_of_flower_is_no_part_of_the_application(digest):
    assert digest(distribution("celery")) == digest(distribution("celery"), distribution("flower", origin="x"))


def other_code(file, digest_it):
    """Write a Python file and another version of it; whether they are told apart."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("one")
    first = digest_it()
    assert digest_it() == first
    file.write_text("two")
    return digest_it() != first


def test_tree_that_is_installed_as_editable(digest, tmp_path):
    origin = json.dumps({"url": (tmp_path / "a b").as_uri(), "dir_info": {"editable": True}})
    assert other_code(tmp_path / "a b" / "shop" / "tasks.py", lambda: digest(distribution("shop", origin=origin)))


def test_folder_on_pythonpath(digest, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"/no/such/folder::{tmp_path / 'lib'}")
    assert other_code(tmp_path / "lib" / "extra.py", digest)


def test_directory_of_the_look_itself_is_no_code_of_the_application(digest, monkeypatch):
    found = []
    for _look in range(2):
        with plugin("pass") as directory:
            monkeypatch.setenv("PYTHONPATH", directory)
            found.append(digest())
    assert found[0] == found[1]


@pytest.mark.parametrize("file", ["shop/tasks.py", "shop.py"])
def test_module_that_something_else_lays_there(digest, tmp_path, monkeypatch, file):
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    (tmp_path / "src" / "shop").mkdir()
    (tmp_path / "src" / "shop" / "__init__.py").write_text("")
    assert other_code(tmp_path / "src" / file, lambda: digest(app="shop.tasks:app")) is (file == "shop/tasks.py")
    (tmp_path / "src" / "shop" / "__init__.py").unlink()
    (tmp_path / "src" / "shop").rename(tmp_path / "src" / "other")
    assert other_code(tmp_path / "src" / "shop.py", lambda: digest(app="shop"))


def test_what_an_application_writes_beside_its_code_is_no_code(digest, tmp_path, monkeypatch):
    (tmp_path / "shop.py").write_text("")
    first = digest(app="shop")
    (tmp_path / "beat-schedule").write_text("x")
    for name in ("venv", ".cache"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "module.py").write_text("x")
    (tmp_path / "venv" / "pyvenv.cfg").write_text("")
    assert digest(app="shop") == first


def test_folders_of_the_source_tree_and_of_python_are_not_read_twice(tmp_path):
    for name in ("src/lib", "lib/deep", "other"):
        (tmp_path / name).mkdir(parents=True)
    folders = [tmp_path / name for name in ("src", "src/lib", "lib/deep", "lib", "other", "gone")]
    found = remote.folders_elsewhere([*map(str, folders), remote.SITE_FOLDERS[0]], str(tmp_path / "src"))
    assert found == [str(tmp_path / "lib"), str(tmp_path / "other")]


@pytest.mark.parametrize(
    "origin", ["", "no JSON", "[]", "{}", '{"url": 1, "dir_info": {}}', '{"url": "x", "dir_info": 2}']
)
def test_origin_that_says_nothing_of_a_folder(origin):
    assert remote.editable_folder(origin) is None
