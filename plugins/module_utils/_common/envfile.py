# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads environment files that both a shell and systemd can read.

Private to the collection.
"""

from __future__ import annotations

import re

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"\s*')
_SINGLE = re.compile(r"'([^']*)'\s*")
_ESCAPED = re.compile(r'\\(["\\$`])')


class EnvironmentFileError(ValueError):
    """A line that is no assignment. The text never has the line's value."""


def parse(text):
    """Return the assignments of an environment file as a dict, the last one of a name wins."""
    environment = {}
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        assignment = _LINE.fullmatch(line)
        if not assignment:
            raise EnvironmentFileError('line {0} is not an assignment; expected NAME="value"'.format(number))
        name, value = assignment.groups()
        environment[name] = _value(name, value, number)
    return environment


def _value(name, value, number):
    if value.startswith('"'):
        quoted = _DOUBLE.fullmatch(value)
        if quoted:
            return _ESCAPED.sub(r"\1", quoted.group(1))
    elif value.startswith("'"):
        quoted = _SINGLE.fullmatch(value)
        if quoted:
            return quoted.group(1)
    else:
        return value
    raise EnvironmentFileError(
        'line {0}: the value of {1} has no closing quote, or text behind it; expected {1}="value"'.format(number, name)
    )
