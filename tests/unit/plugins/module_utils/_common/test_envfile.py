# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.envfile import EnvironmentFileError, parse

TEXT = r"""# Managed
; also a comment

PLAIN=value
URL="redis://:p\"a\\s\$s\`w@h/0?a=b#c"
SINGLE='it is $HOME "here"'
EMPTY=
QUOTED_EMPTY=""
SPACES="  two  "
export EXPORTED="yes"
BACKSLASH="a\nb"
PLAIN=again
"""


def test_parse():
    assert parse(TEXT) == {
        "PLAIN": "again",
        "URL": 'redis://:p"a\\s$s`w@h/0?a=b#c',
        "SINGLE": 'it is $HOME "here"',
        "EMPTY": "",
        "QUOTED_EMPTY": "",
        "SPACES": "  two  ",
        "EXPORTED": "yes",
        "BACKSLASH": "a\\nb",
    }


def test_shell_reads_the_same(tmp_path):
    path = tmp_path / "celery.env"
    path.write_text("\n".join(line for line in TEXT.splitlines() if not line.startswith(";")))
    command = ["/bin/sh", "-c", "set -a; . " + str(path) + "; exec env -0"]
    output = subprocess.run(command, env={}, stdout=subprocess.PIPE, check=True).stdout.decode()
    seen = dict(entry.split("=", 1) for entry in output.split("\0") if entry)
    assert {name: seen[name] for name in parse(TEXT)} == parse(TEXT)


@pytest.mark.parametrize("line", ['A="open', 'A="b" c', "A='open", "no assignment", "1A=b", 'A="ends in \\"'])
def test_line_without_an_assignment(line):
    with pytest.raises(EnvironmentFileError, match="line 2"):
        parse("OK=1\n" + line)


def test_error_does_not_show_the_value():
    with pytest.raises(EnvironmentFileError) as caught:
        parse('PASSWORD="hunter22')
    assert "hunter22" not in str(caught.value)
