# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last lines of a log, bounded and without passwords. Private to the collection."""

from __future__ import annotations

import os

from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import mask


def of_file(path, lines, most_bytes):
    """Return the last lines of a file, and its status."""
    with open(path, "rb") as stream:
        status = os.fstat(stream.fileno())
        start = max(status.st_size - most_bytes, 0)
        stream.seek(start)
        raw = stream.read(most_bytes)
    return of_bytes(raw, lines, most_bytes, cut=start > 0), status


def of_bytes(raw, lines, most_bytes, cut=False):
    """Return the last lines of bytes; a line whose beginning is cut off is left out, for it may end in half a secret."""
    if len(raw) > most_bytes:
        raw, cut = raw[-most_bytes:], True
    found = raw.decode("utf-8", "replace").splitlines()
    return (found[1:] if cut else found)[-lines:] if lines else []


def masked(lines, secrets):
    """Return the lines without passwords."""
    return [mask(line, secrets) for line in lines]
