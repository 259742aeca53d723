# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that a schedule of beat consists of. Private to the collection."""

from __future__ import annotations

import grp
import os
import pwd

from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.beat import parts


def file_of(path):
    """Return the files that the schedule consists of, or None."""
    if not path:
        return None
    file = {"path": path, "error": "", "parts": []}
    try:
        os.listdir(os.path.dirname(path))
        file["parts"] = [part_of(part) for part in parts(path)]
    except OSError as error:
        file["error"] = "{0}: {1}".format(error.filename, error.strerror)
    return file


def part_of(path):
    """Return whose a file is, how large, and when it was written."""
    status = os.stat(path)
    return {
        "path": path,
        "owner": named(pwd.getpwuid, status.st_uid),
        "group": named(grp.getgrgid, status.st_gid),
        "mode": "0{0:o}".format(status.st_mode & 0o7777),
        "size": status.st_size,
        "modified_at": round(status.st_mtime, 3),
    }


def named(lookup, number):
    """Return the name of a user or a group, or its number."""
    try:
        return lookup(number)[0]
    except KeyError:
        return str(number)
