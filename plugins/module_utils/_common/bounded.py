# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads a file of a directory that the application can write: no link is followed, and nobody is waited for.

Private to the collection.
"""

from __future__ import annotations

import os
import stat


def bounded(path, most_bytes, from_end=False):
    """Return the first or the last bytes of a plain file.

    :raises OSError: it cannot be read, or is a link.
    :raises ValueError: it is no plain file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("{0} is no plain file".format(path))
        if from_end:
            stream.seek(max(status.st_size - most_bytes, 0))
        return stream.read(most_bytes)
