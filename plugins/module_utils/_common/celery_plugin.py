# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A command of Celery's own command line that runs given source, for applications that only their own command sets up.

``nautobot-server celery`` configures Django and hands its arguments to Celery, which looks for further commands among the
entry points of what is on Python's path (group celery.commands). Private to the collection.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile

COMMAND = "taskfleet-helper"

MODULE_FILE = "taskfleet_helper.py"

_METADATA = "Metadata-Version: 2.1\nName: taskfleet-helper\nVersion: 1\n"
_ENTRY_POINTS = "[celery.commands]\n{0} = taskfleet_helper:run\n".format(COMMAND)
_MODULE = """import click


@click.command({0!r})
def run():
    exec(compile({1!r}, "<helper>", "exec"), {{"__name__": "__main__"}})
"""


@contextlib.contextmanager
def plugin(source):
    """Make a directory that gives Celery the command COMMAND while it is on Python's path; everybody may read it."""
    directory = tempfile.mkdtemp(prefix="taskfleet-")
    try:
        metadata = os.path.join(directory, "taskfleet_helper-1.dist-info")
        os.mkdir(metadata)
        _write(os.path.join(metadata, "METADATA"), _METADATA)
        _write(os.path.join(metadata, "entry_points.txt"), _ENTRY_POINTS)
        _write(os.path.join(directory, MODULE_FILE), _MODULE.format(COMMAND, source))
        for path in (metadata, directory):
            os.chmod(path, 0o755)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def is_plugin(directory):
    """Whether a directory is such a one."""
    return os.path.exists(os.path.join(directory, MODULE_FILE))


def _write(path, text):
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(path, 0o644)
