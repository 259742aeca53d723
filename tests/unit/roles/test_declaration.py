# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declaration of a worker is read in one place, and no role reads another's private variables."""

from __future__ import annotations

import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
FILES = [
    path
    for folder in ("roles", "playbooks")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".yml", ".j2") and "meta" not in path.parts
]
# Who turns the variables into instances, and who says what they are.
READERS = ("roles/celery_worker/vars/main.yml", "roles/celery_worker/defaults/main.yml")


def lines(path):
    return [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]


def found(pattern, path):
    return [line.strip() for line in lines(path) if re.search(pattern, line)]


def test_nobody_else_reads_the_raw_declaration():
    pattern = r"(?<![a-z_])celery_worker_(instances|defaults)\b"
    places = {str(path.relative_to(ROOT)): found(pattern, path) for path in FILES}
    assert {place for place, hits in places.items() if hits} == set(READERS)


def test_private_variables_stay_in_their_role():
    foreign = {}
    for path in FILES:
        parts = path.relative_to(ROOT).parts
        mine = parts[1] if parts[0] == "roles" else None
        # The role celery has no private variables, and its name is the beginning of all others.
        others = [role for role in ROLES if role not in (mine, "celery")]
        hits = found(r"\b__({0})_".format("|".join(others)), path)
        if hits:
            foreign[str(path.relative_to(ROOT))] = hits
    assert foreign == {}


def test_tasks_and_variables_hold_no_jinja_programs():
    files = [path for path in FILES if path.suffix == ".yml"]
    assert {str(path.relative_to(ROOT)) for path in files if found(r"\{%-?\s*(for|set)\b", path)} == set()


def test_entry_points_are_named_as_ansible_looks_for_their_arguments():
    """With the suffix of the file, Ansible finds no entry point of that name, and checks nothing."""
    unchecked = {}
    for path in FILES:
        hits = found(r"tasks_from: \w+\.yml", path)
        checked = {name for name in map(entry_point, hits) if name in ENTRY_POINTS}
        if checked:
            unchecked[str(path.relative_to(ROOT))] = checked
    assert unchecked == {}


def entry_point(line):
    return line.partition(": ")[2].partition(".")[0]


ENTRY_POINTS = {
    name
    for role in ROLES
    for name, entry in yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())[
        "argument_specs"
    ].items()
    if entry.get("options")
}
