# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shlex
import subprocess

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.envfile import parse
from ansible_collections.taskfleet.celery.plugins.module_utils._service.text import (
    env_file,
    supervisor_command,
    systemd_command,
)

AWKWARD = [
    "plain",
    "two words",
    'a"quote',
    "it's",
    "back\\slash",
    "$HOME",
    "`id`",
    "per%cent",
    "ünï",
    "",
    "#no comment",
    "a;b",
]


def test_env_file_is_sorted_and_quoted():
    assert env_file({"B": 2, "A": "x y"}) == 'A="x y"\nB="2"\n'


@pytest.mark.parametrize("value", AWKWARD)
def test_env_file_is_read_back_by_sh(tmp_path, value):
    path = tmp_path / "celery.env"
    path.write_text(env_file({"VALUE": value}), encoding="utf-8")
    script = 'set -a; . "$1"; printf %s "$VALUE"'
    out = subprocess.run(["sh", "-c", script, "sh", str(path)], stdout=subprocess.PIPE, check=True).stdout
    assert out.decode() == value


@pytest.mark.parametrize("value", AWKWARD)
def test_env_file_is_read_back_by_the_modules(value):
    assert parse(env_file({"VALUE": value})) == {"VALUE": value}


@pytest.mark.parametrize("value", ["two\nlines", "carriage\rreturn", "nul\0"])
def test_env_file_refuses_what_systemd_cannot_take(value):
    with pytest.raises(ValueError, match="VALUE"):
        env_file({"VALUE": value})


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B"])
def test_env_file_refuses_a_name_no_shell_takes(name):
    with pytest.raises(ValueError, match="not a name"):
        env_file({name: "x"})


def test_env_file_never_tells_the_value_it_refuses():
    with pytest.raises(ValueError, match="VALUE") as caught:
        env_file({"VALUE": "hunter2\n"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("--hostname=w1@host", "--hostname=w1@host"),
        ("two words", '"two words"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("100%", "100%%"),
        ("$HOME", '"$$HOME"'),
        ("back\\slash", '"back\\\\slash"'),
    ],
)
def test_systemd_command(word, expected):
    assert systemd_command(["/bin/true", word]) == "/bin/true " + expected


@pytest.mark.parametrize("word", AWKWARD)
def test_supervisor_command_is_split_back(word):
    assert shlex.split(supervisor_command(["/bin/true", word]).replace("%%", "%")) == ["/bin/true", word]


def test_supervisor_command_refuses_what_its_parser_would_cut():
    with pytest.raises(ValueError, match="blank before"):
        supervisor_command(["/bin/echo", "a ;b"])
