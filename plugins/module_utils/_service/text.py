# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a command and an environment are written for systemd, for supervisor and for sh. Pure."""

from __future__ import annotations

import re
import shlex

# systemd.exec(5) calls these SHELL_NEED_ESCAPE: a backslash before one of them is taken away inside
# double quotes, as sh does. So one file serves EnvironmentFile= and `. file`.
_NEED_ESCAPE = re.compile(r'(["\\`$])')
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_PLAIN_SYSTEMD = re.compile(r"^[A-Za-z0-9_@%+=:,./-]+$")


def env_file(environment):
    """Text of an environment file.

    :param dict environment: names to values; a value is written as ``str(value)``.
    :returns: one ``NAME="value"`` line a variable, sorted by name.
    :raises ValueError: a name that no shell takes, or a value with a line break.
    """
    lines = []
    for name in sorted(environment):
        value = str(environment[name])
        if not _NAME.match(name):
            raise ValueError(
                "environment: %r is not a name of an environment variable; expected letters, digits and _" % name
            )
        if "\n" in value or "\r" in value or "\0" in value:
            raise ValueError(
                "environment: the value of %s has a line break or a NUL; systemd cannot take it: encode it" % name
            )
        lines.append('%s="%s"\n' % (name, _NEED_ESCAPE.sub(r"\\\1", value)))
    return "".join(lines)


def systemd_command(argv):
    """``ExecStart=`` text of a list of arguments (systemd.service(5), Command lines)."""
    return " ".join(_systemd_word(word) for word in argv)


def _systemd_word(word):
    text = str(word).replace("%", "%%")
    if _PLAIN_SYSTEMD.match(text):
        return text
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return '"%s"' % text


def supervisor_command(argv):
    """``command=`` text of a list of arguments: supervisor splits it with shlex and expands ``%(x)s``."""
    # supervisor's parser ends a value at " ;", quoted or not.
    for word in argv:
        if re.search(r"\s;", str(word)) or "\n" in str(word):
            raise ValueError("supervisor cannot take the argument %r: it has a line break or a blank before ';'" % word)
    return " ".join(shlex.quote(str(word)) for word in argv).replace("%", "%%")
