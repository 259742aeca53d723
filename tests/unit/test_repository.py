# Copyright (c) 2026, Taskfleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written in two places says the same in both."""

from __future__ import annotations

import fnmatch
import pathlib
import re

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]


def names(directory, pattern):
    return {path.stem for path in (ROOT / directory).glob(pattern)}


def load(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def is_in_artifact(path):
    """Whether `ansible-galaxy collection build` takes the file: it leaves out what is ignored itself, or lies below that."""
    places = [path, *path.parents][:-1]
    return not any(
        fnmatch.fnmatch(str(place), ignored) for place in places for ignored in load("galaxy.yml")["build_ignore"]
    )


def test_action_group_lists_every_module():
    modules = sorted(path.stem for path in (ROOT / "plugins/modules").glob("[!_]*.py"))
    assert load("meta/runtime.yml")["action_groups"]["celery"] == modules


def test_every_action_plugin_has_its_documentation_in_a_module():
    actions = {path.stem for path in (ROOT / "plugins/action").glob("[!_]*.py")}
    modules = {path.stem for path in (ROOT / "plugins/modules").glob("[!_]*.py")}
    assert actions <= modules


def test_requires_ansible_is_what_the_pinned_core_provides():
    pins = dict(line.split("==") for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line)
    series = ".".join(pins["ansible-core"].split(".")[:2])
    assert load("meta/runtime.yml")["requires_ansible"] == f">={series}.0"


def test_readme_names_the_lines_of_ansible_core_that_are_run():
    lines = re.findall(r'^    "(\d+\.\d+) ', (ROOT / "scripts/ansible-core.sh").read_text(), re.MULTILINE)
    assert load("meta/runtime.yml")["requires_ansible"] == f">={lines[0]}.0"
    assert f"ansible-core {lines[0]} to {lines[-1]}." in (ROOT / "README.md").read_text()


def test_readme_names_the_versions_that_are_tested():
    matrix = re.findall(r'^    "(3\.\d+): (.+)"$', (ROOT / "scripts/versions.sh").read_text(), re.MULTILINE)
    celery = sorted({line for _python, lines in matrix for line in lines.split()})
    readme = (ROOT / "README.md").read_text()
    assert f"| Celery | {celery[0]} to {celery[-1]}, " in readme
    assert f"| Python of the application | {matrix[0][0]} to {matrix[-1][0]}; " in readme
    suites = {"12": "bookworm", "13": "trixie"}
    assert f"(default: {' '.join(suites.values())})" in (ROOT / "scripts/images.sh").read_text()
    assert f"| Hosts | Debian {' and '.join(suites)}, " in readme
    broker = load("roles/celery_broker/defaults/main.yml")["celery_broker_package"]
    assert f"uses Valkey {re.findall(r'>=([0-9.]+)', broker)[0]} |" in readme


def test_readme_says_how_to_install_what_is_built():
    galaxy = load("galaxy.yml")
    readme = (ROOT / "README.md").read_text()
    assert f"  - name: {galaxy['repository']}.git\n    type: git\n" in readme
    assert f"  - name: ./{galaxy['namespace']}-{galaxy['name']}-{galaxy['version']}.tar.gz\n    type: file\n" in readme


def test_readme_has_a_whole_inventory():
    [text] = re.findall(r"^```yaml\n(celery:\n.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    fleet = yaml.safe_load(text)["celery"]
    assert set(fleet["children"]) == {"celery_workers", "celery_beat", "celery_flower"}
    for role in ("celery_app", "celery_worker", "celery_beat", "celery_flower"):
        options = load(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
        assert {name for name in fleet["vars"] if name.startswith(f"{role}_")} <= set(options)


def test_every_file_of_rules_has_a_test_of_its_name():
    rules, tests = "plugins/module_utils/{0}", "tests/unit/plugins/module_utils/{0}"
    judged, topics = "_judge/rules", "_declare/preflight"
    assert names(tests.format(judged), "test_*.py") == {f"test_{n}" for n in names(rules.format(judged), "[!_]*.py")}
    topical = {f"test_preflight_{name}" for name in names(rules.format(topics), "[!_]*.py") - {"registry"}}
    assert names(tests.format(topics), "test_preflight_*.py") == topical


@pytest.mark.parametrize("inventory", sorted(path.name for path in (ROOT / "inventories").iterdir()))
def test_application_of_an_inventory_is_in_the_artifact(inventory):
    source = load(f"inventories/{inventory}/group_vars/celery.yml")["celery_app_source"]["path"]
    directory = pathlib.Path(source.replace("{{ inventory_dir }}/../../", ""))
    assert (ROOT / directory / "shop/celery.py").is_file()
    # Below `inventories/` Ansible would read it as inventory.
    assert directory.parts[0] == "examples"
    files = [path.relative_to(ROOT) for path in (ROOT / directory).rglob("*.py")]
    assert [path for path in files if not is_in_artifact(path)] == []
    assert is_in_artifact(pathlib.Path("inventories", inventory, "group_vars/celery.yml"))


def test_there_is_one_shop():
    assert [path.relative_to(ROOT) for path in ROOT.glob("[!.]*/**/shop/celery.py")] == [
        pathlib.Path("examples/shop/shop/celery.py")
    ]


def test_generated_passwords_are_not_in_the_artifact():
    assert not is_in_artifact(pathlib.Path("inventories/example/.credentials/broker"))
