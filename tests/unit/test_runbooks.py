# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the runbooks run as they stand on the fleet of inventories/example, with its credentials."""

from __future__ import annotations

import pathlib
import re
import shlex
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted(path for path in (ROOT / "docs/runbooks").glob("*.md") if path.stem != "README")
EXAMPLE = ROOT / "inventories/example"

CELERY = "shop-run celery -A shop.celery "
PYTHON = "shop-run python -c "
# What needs no credentials, and where a command may begin.
PROGRAMS = {
    *(
        "ansible",
        "ansible-playbook",
        "df",
        "grep",
        "journalctl",
        "pgrep",
        "ps",
        "ss",
        "systemctl",
        "tail",
        "timedatectl",
    ),
    *("rabbitmq-diagnostics", "rabbitmqctl", "shop-run", "supervisorctl"),
}


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


HOST_VARS = {path.stem: load(path)["celery_worker_instances"] for path in (EXAMPLE / "host_vars").glob("*.yml")}
NODES = {f"{instance['name']}@{host}" for host, instances in HOST_VARS.items() for instance in instances}


def commands(path):
    """Return the commands of a page, those within its sentences among them."""
    text = path.read_text(encoding="utf-8")
    shown = [line[2:] for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    return shown + re.findall(r"`((?:\S+-run )?celery (?:-A|worker|inspect|control)[^`]*)`", text)


COMMANDS = [
    pytest.param(command, id=f"{path.stem}-{number}") for path in PAGES for number, command in enumerate(commands(path))
]


def programs(command):
    """Yield the program of each part of a command line."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|;")
    lexer.whitespace_split = True
    begins = True
    for word in lexer:
        if begins and not re.match(r"\w+=|(for|do|done)$", word):
            yield word
        begins = set(word) <= set("|;") or word == "do"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_runbook_has_commands(path):
    section = path.read_text(encoding="utf-8").partition("## Confirm by hand\n")[2].partition("\n## ")[0]
    assert "(README.md#confirm-by-hand)" in section
    blocks = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    assert blocks
    assert all(line.startswith("$ ") for block in blocks for line in block.splitlines())


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_one_that_a_shell_can_run(command):
    assert not re.search(r"<[\w ]+>", command), "a placeholder is a redirection to the shell"
    checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    if not command.startswith(("for ", "id=")):
        assert set(programs(command)) <= PROGRAMS


@pytest.mark.parametrize("command", COMMANDS)
def test_command_that_asks_the_broker_has_its_credentials(command):
    # `pgrep -f` looks for the word.
    if not command.startswith("pgrep "):
        assert len(re.findall(r"\bcelery (?=-)", command)) == command.count(CELERY)
    assert not re.search(r"redis-cli|://", command)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_names_what_the_example_declares(command):
    assert load(EXAMPLE / "group_vars/celery.yml")["celery_app_name"] == "shop"
    assert load(EXAMPLE / "group_vars/celery.yml")["celery_app_module"] == "shop.celery"
    assert set(re.findall(r"\w+@\w+(?![\w.])", command)) <= NODES | {
        f"worker@{node.partition('@')[0]}" for node in NODES
    }
    assert set(re.findall(r'llen\("(\w+)"\)', command)) <= {
        queue for instances in HOST_VARS.values() for instance in instances for queue in instance["queues"]
    }


@pytest.mark.parametrize("command", [param for param in COMMANDS if CELERY + "inspect" in param.values[0]])
def test_inspected_method_is_one_of_celery(command):
    documentation = (ROOT / "plugins/modules/celery_inspect_info.py").read_text(encoding="utf-8")
    [methods] = re.findall(r"choices: \[(ping, [^]]*)\]", documentation.replace("\n", " "))
    [method] = re.findall(CELERY + r"inspect (\w+)", command)
    assert method in re.split(r",\s*", methods)


@pytest.mark.parametrize("command", [param for param in COMMANDS if PYTHON in param.values[0]])
def test_python_of_a_command_compiles(command):
    source = shlex.split(command.partition(PYTHON)[2])[0]
    compile(source, "runbook", "exec")
    assert source.startswith(("from shop.celery import app; ", "import shop.celery"))
