# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports between the rooms of module_utils run one way, and each room says what it is for."""

from __future__ import annotations

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[4] / "plugins" / "module_utils"
PREFIX = "ansible_collections.taskfleet.celery.plugins.module_utils."

# What each room may import of the others.
MAY_IMPORT = {
    "_common": set(),
    "_declare": {"_common"},
    "_service": {"_common", "_declare"},
    "_in_app": {"_common", "_declare"},
    "_observe": {"_common", "_declare", "_service"},
    "_judge": {"_common", "_declare", "_observe"},
    "_act": {"_common", "_declare", "_observe", "_judge", "_service"},
}


def imports(source):
    """Return the dotted names below module_utils that a file imports of the collection."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PREFIX[:-1]):
            below = node.module[len(PREFIX) :]
            found += [below] if below else [name.name for name in node.names]
    return found


def upward(room, source):
    """Return what a file of the room imports of rooms that it may not import."""
    return [name for name in imports(source) if name.split(".")[0] not in MAY_IMPORT[room] | {room}]


def test_rooms_are_those_of_the_design():
    assert {path.name for path in ROOT.iterdir() if path.name not in ("__init__.py", "__pycache__")} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_imports_run_one_way(room):
    files = list((ROOT / room).rglob("*.py"))
    assert files
    wrong = {str(path.relative_to(ROOT)): upward(room, path.read_text()) for path in files}
    assert {name: names for name, names in wrong.items() if names} == {}


def test_upward_import_is_seen():
    planted = "from {0}_judge.verdict import judge\nfrom {0}_common.secrets import mask\n".format(PREFIX)
    assert upward("_observe", planted) == ["_judge.verdict"]
    assert upward("_observe", "from {0} import _act\n".format(PREFIX[:-1])) == ["_act"]


def test_rooms_say_what_they_are_for():
    packages = [path for path in ROOT.rglob("*") if path.is_dir() and path.name != "__pycache__"]
    for package in packages:
        text = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
        assert "May import" in text or "Imports nothing" in text, package
