# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree is copied by content, and what it left behind is removed."""

from __future__ import annotations

import io
import tarfile

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common import tree


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    (root / "shop/orders").mkdir(parents=True)
    (root / "shop/__init__.py").write_text("")
    (root / "shop/tasks.py").write_text("one = 1\n")
    (root / "shop/orders/ship.py").write_text("two = 2\n")
    (root / "manage.py").write_text("#!/usr/bin/python3\n")
    (root / "manage.py").chmod(0o755)
    return root


@pytest.fixture
def host(tmp_path):
    root = tmp_path / "host"
    root.mkdir()
    return root


def copy(source, host, tmp_path):
    """One whole copy; returns what was written and removed."""
    wanted = tree.scan(str(source))
    write, gone = tree.compare(str(host), wanted)
    archive = tmp_path / "tree.tar.gz"
    tree.pack(str(source), write, str(archive))
    with tarfile.open(archive) as bundle:
        tree.put(str(host), wanted, bundle, gone)
    return write, gone


def files(root):
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_everything_arrives_with_its_mode_and_nothing_else(source, host, tmp_path):
    (source / "shop/__pycache__").mkdir()
    (source / "shop/__pycache__/tasks.pyc").write_text("bytecode")
    (source / ".git").mkdir()
    (source / ".git/config").write_text("[core]")
    copy(source, host, tmp_path)
    arrived = files(host)
    del arrived[tree.RECORD]
    assert arrived == {
        "manage.py": "#!/usr/bin/python3\n",
        "shop/__init__.py": "",
        "shop/tasks.py": "one = 1\n",
        "shop/orders/ship.py": "two = 2\n",
    }
    assert (host / "manage.py").stat().st_mode & 0o7777 == 0o750
    assert (host / "shop/tasks.py").stat().st_mode & 0o7777 == 0o640
    assert (host / "shop/orders").stat().st_mode & 0o7777 == 0o750


def test_second_copy_has_nothing_to_do(source, host, tmp_path):
    copy(source, host, tmp_path)
    assert tree.compare(str(host), tree.scan(str(source))) == ([], [])


@pytest.mark.parametrize("spoil", ["content", "mode", "gone", "link"])
def test_difference_on_the_host_is_fixed(source, host, tmp_path, spoil):
    copy(source, host, tmp_path)
    target = host / "shop/tasks.py"
    if spoil == "content":
        # Same length and, where the clock is coarse, the same time: only the content tells.
        target.write_text("one = 9\n")
    elif spoil == "mode":
        target.chmod(0o666)
    else:
        target.unlink()
        if spoil == "link":
            target.symlink_to(source / "shop/tasks.py")
    assert copy(source, host, tmp_path) == (["shop/tasks.py"], [])
    assert target.read_text() == "one = 1\n"
    assert not target.is_symlink()


def test_file_gone_at_home_is_removed_with_its_empty_directory(source, host, tmp_path):
    copy(source, host, tmp_path)
    (host / "shop/orders/__pycache__").mkdir()
    (host / "shop/orders/__pycache__/ship.pyc").write_text("bytecode")
    (source / "shop/orders/ship.py").unlink()
    assert copy(source, host, tmp_path) == ([], ["shop/orders/ship.py"])
    assert not (host / "shop/orders").exists()
    assert (host / "shop/tasks.py").exists()


def test_files_that_the_application_made_stay(source, host, tmp_path):
    copy(source, host, tmp_path)
    (host / "shop/orders/upload.csv").write_text("made here")
    (source / "shop/orders/ship.py").unlink()
    copy(source, host, tmp_path)
    assert (host / "shop/orders/upload.csv").read_text() == "made here"


def test_copy_that_broke_off_is_still_known_to_the_next(source, host, tmp_path):
    wanted = tree.scan(str(source))
    refusal = pytest.raises(tree.TreeError, match=r"shop/stranger\.py, which was not asked for")
    with refusal, tarfile.open(fileobj=io.BytesIO(empty_archive("shop/stranger.py"))) as bundle:
        tree.put(str(host), wanted, bundle, [])
    (source / "shop/tasks.py").unlink()
    (host / "shop").mkdir()
    (host / "shop/tasks.py").write_text("from the run that broke off")
    assert "shop/tasks.py" in copy(source, host, tmp_path)[1]


def empty_archive(name):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as bundle:
        bundle.addfile(tarfile.TarInfo(name), io.BytesIO())
    return data.getvalue()


def test_file_that_changed_meanwhile_is_refused(source, host, tmp_path):
    wanted = tree.scan(str(source))
    (source / "shop/tasks.py").write_text("three = 3\n")
    archive = tmp_path / "tree.tar.gz"
    tree.pack(str(source), sorted(wanted), str(archive))
    with tarfile.open(archive) as bundle, pytest.raises(tree.TreeError, match=r"shop/tasks\.py changed .* run again"):
        tree.put(str(host), wanted, bundle, [])
    assert not [name for name in files(host) if ".taskfleet-" in name and name != tree.RECORD]


def test_directory_may_become_a_file_and_a_file_a_directory(source, host, tmp_path):
    copy(source, host, tmp_path)
    (source / "shop/orders/ship.py").unlink()
    (source / "shop/orders").rmdir()
    (source / "shop/orders").write_text("now a file")
    (source / "manage.py").unlink()
    (source / "manage.py").mkdir()
    (source / "manage.py/readme").write_text("now a directory")
    copy(source, host, tmp_path)
    assert (host / "shop/orders").read_text() == "now a file"
    assert (host / "manage.py/readme").read_text() == "now a directory"
    assert copy(source, host, tmp_path) == ([], [])


def test_links_are_followed_and_circles_refused(source, host, tmp_path):
    (tmp_path / "common").mkdir()
    (tmp_path / "common/util.py").write_text("five = 5\n")
    (source / "common").symlink_to(tmp_path / "common")
    copy(source, host, tmp_path)
    assert (host / "common/util.py").read_text() == "five = 5\n"
    (source / "shop/loop").symlink_to(source)
    with pytest.raises(tree.TreeError, match="leads back to"):
        tree.scan(str(source))


def test_link_to_nowhere_is_named(source):
    (source / "lost").symlink_to(source / "nothing")
    with pytest.raises(tree.TreeError, match="lost is a link that leads nowhere"):
        tree.scan(str(source))


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", ""])
def test_no_path_leads_out_of_the_tree(path):
    assert not tree.inside(path)
