# Copyright (c) 2026, Taskfleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import importlib.util
import pathlib
import sys

import pytest
import yaml

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "scripts/role_docs.py"
spec = importlib.util.spec_from_file_location("role_docs", SCRIPT)
role_docs = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = role_docs
spec.loader.exec_module(role_docs)

DEFAULTS = {"shop_port": 80, "shop_shelves": [], "shop_home": "/opt/{{ shop_name }}"}
SPECS = {
    "main": {
        "short_description": "Open a shop",
        "description": ["Opens one."],
        "options": {
            "shop_name": {"type": "str", "required": True, "description": "What is over the door."},
            "shop_port": {"type": "int", "description": ["Where it listens."]},
            "shop_home": {"type": "path", "description": ["Where it lives."]},
            "shop_shelves": {
                "type": "list",
                "elements": "dict",
                "description": ["The shelves."],
                "options": {
                    "depth": {"type": "int", "default": 2, "description": ["How deep."]},
                    "wood": {"type": "str", "choices": ["oak", "ash"], "description": ["Of V(oak) | O(depth)."]},
                },
            },
        },
    },
    "close": {"short_description": "Close it", "description": ["Closes it."], "options": {}},
}
TASK = "- debug: msg={{ shop_name }}{{ shop_port }}{{ shop_home }}{{ shop_shelves }}\n"


@pytest.fixture
def shop(tmp_path):
    """A role that agrees with itself, and a function that writes it with changes and reads it back."""

    def write(*changes, table=True):
        path = tmp_path / "roles/shop"
        for name in ("defaults", "meta", "tasks"):
            (path / name).mkdir(parents=True, exist_ok=True)
        defaults, specs = copy.deepcopy(DEFAULTS), copy.deepcopy(SPECS)
        for change in changes:
            change(defaults, specs)
        (path / "defaults/main.yml").write_text(yaml.safe_dump(defaults))
        (path / "meta/argument_specs.yml").write_text(yaml.safe_dump({"argument_specs": specs}, sort_keys=False))
        (path / "tasks/main.yml").write_text(TASK)
        (path / "tasks/close.yml").write_text("---\n")
        (path / "README.md").write_text(f"# shop\n{role_docs.BEGIN}\nold\n{role_docs.END}\nrest\n")
        if table:
            role = role_docs.Role.read(path)
            if not role_docs.check_specification(role):
                (path / "README.md").write_text(role_docs.with_table(role))
        return role_docs.Role.read(path)

    return write


def test_role_that_agrees_has_no_problem(shop):
    assert role_docs.check(shop()) == []


def test_variable_that_the_defaults_only_name_needs_no_value(shop):
    role = shop(put({"shop_key": {"type": "str", "description": "x"}}, "specs", "close", "options"))
    defaults = role.path / "defaults/main.yml"
    defaults.write_text(defaults.read_text() + "# Without it, the default key.\n# shop_key: a\n")
    assert "neither required" not in "".join(role_docs.check_specification(role_docs.Role.read(role.path)))


def test_variable_may_be_read_by_a_playbook(shop):
    role = shop(put({"shop_key": {"type": "str", "description": "x"}}, "specs", "close", "options"))
    assert not role_docs.is_used(role, "shop_key")
    (role.path.parents[1] / "playbooks").mkdir()
    (role.path.parents[1] / "playbooks/close.yml").write_text("- hosts: '{{ shop_key }}'\n")
    assert role_docs.is_used(role, "shop_key")


def follow(keys, defaults, specs):
    target = {"defaults": defaults, "specs": specs}
    for key in keys:
        target = target[key]
    return target


def drop(*keys):
    return lambda *files: follow(keys[:-1], *files).pop(keys[-1])


def put(value, *keys):
    return lambda *files: follow(keys[:-1], *files).update({keys[-1]: value})


OPTIONS = ("specs", "main", "options")
SHELF = (*OPTIONS, "shop_shelves", "options")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (put(1, "defaults", "shop_new"), "shop_new is in defaults/main.yml, but in no entry point"),
        (drop("defaults", "shop_port"), "main: shop_port is neither required nor in defaults/main.yml"),
        (put("x", "defaults", "shop_name"), "shop_name is required, but has a value in defaults/main.yml"),
        (put(81, *OPTIONS, "shop_port", "default"), "has the default 81, but defaults/main.yml says 80"),
        (put("eighty", "defaults", "shop_port"), "is of type int, but its default is eighty"),
        (put(True, "defaults", "shop_port"), "is of type int, but its default is true"),
        (put([{"height": 1}], "defaults", "shop_shelves"), "key 'height', which is not among its options"),
        (put("elm", *SHELF, "wood", "default"), 'has the default elm, expected one of ["oak", "ash"]'),
        (drop(*SHELF, "depth", "type"), "shop_shelves.depth has the type null"),
        (put("  ", *SHELF, "depth", "description"), "shop_shelves.depth has no description"),
        (put("text", *SHELF, "depth", "type"), "shop_shelves.depth has the type text"),
        (drop(*OPTIONS, "shop_shelves", "elements"), "does not say of which elements"),
        (put({"a": {}}, *OPTIONS, "shop_port", "options"), "is neither a dict nor a list of dicts"),
        (put(True, *SHELF, "depth", "required"), "shop_shelves.depth is required, but has a default"),
        (put(SPECS["close"], "specs", "burn"), "entry point 'burn' has no tasks/burn.yml"),
        (drop("specs", "close", "short_description"), "entry point 'close' has no short_description"),
        (drop("specs", "main", "description"), "entry point 'main' has no description"),
        (put(3, *OPTIONS, "shop_port"), "main: shop_port is 3, expected a dictionary"),
        (put("deep", *SHELF, "depth"), "main: shop_shelves.depth is deep, expected a dictionary"),
        (drop("specs", "main"), "has no entry point 'main'"),
        (
            put({"port": {"type": "int", "required": True, "description": "x"}}, "specs", "close", "options"),
            "close: port does not begin with 'shop_'",
        ),
        (
            put({"shop_key": {"type": "str", "description": "x"}}, "specs", "close", "options"),
            "close: shop_key is neither required nor in defaults/main.yml",
        ),
        (
            put({"shop_key": {"type": "str", "required": True, "description": "x"}}, "specs", "close", "options"),
            "shop_key is declared, but nothing in the role uses it",
        ),
    ],
)
def test_each_disagreement_is_named(shop, change, expected):
    problems = role_docs.check(shop(change))
    assert any(expected in problem for problem in problems), problems


def test_stale_table_is_named(shop):
    (problem,) = role_docs.check(shop(table=False))
    assert "the table in README.md" in problem


def test_missing_markers_are_named(shop):
    role = shop()
    (role.path / "README.md").write_text("# shop\n")
    (problem,) = role_docs.check(role_docs.Role.read(role.path))
    assert "exactly one pair" in problem


def test_table_shows_every_option_to_the_leaves(shop):
    text = shop().readme
    assert "| `shop_name` | str | **required** | What is over the door. |" in text
    assert "| `shop_home` | path | `/opt/{{ shop_name }}` | Where it lives. |" in text
    assert "| `shop_shelves` | list of dict | `[]` | The shelves. |" in text
    assert "| `shop_shelves[].depth` | int | `2` | How deep. |" in text
    assert "| `shop_shelves[].wood` | str |  | Of `oak` \\| `depth`. One of `oak`, `ash`. |" in text
    assert "Entry point `close`: Close it\n\nNo variables." in text


def test_text_outside_the_markers_stays(shop):
    text = shop().readme
    assert text.startswith("# shop\n")
    assert text.endswith(f"{role_docs.END}\nrest\n")


def test_long_default_is_only_pointed_at(shop):
    role = shop(put("{{ " + "shop_name ~ " * 20 + "'' }}", "defaults", "shop_home"))
    assert "| `shop_home` | path | see [defaults](defaults/main.yml) |" in role.readme


def test_write_mends_the_table_and_check_reports(shop, capsys):
    roles = ["--roles", str(shop(table=False).path.parent)]
    assert role_docs.main(["check", *roles]) == 1
    assert "roles/shop: the table in README.md" in capsys.readouterr().out
    assert role_docs.main(["write", *roles]) == 0
    assert role_docs.main(["check", *roles]) == 0


def test_run_without_roles_fails(tmp_path, capsys):
    assert role_docs.main(["check", "--roles", str(tmp_path)]) == 1
    assert "holds no role" in capsys.readouterr().out
