# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that belong to an owner: written atomically, never over somebody else's, swept by marker."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile


class ForeignFile(Exception):
    """A file that is in the way and carries no marker of this owner."""


def marker(app, owner):
    """First line of every file of one owner of one application."""
    return "# Managed by taskfleet.celery: app=%s owner=%s" % (app, owner)


def read(path):
    """Text of a file, or None where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def owned(text, mark):
    """Whether a text begins with the marker."""
    return text is not None and text.split("\n", 1)[0].strip() == mark


def differs(path, content, mode, uid, gid):
    """Whether a file must be written. ``uid`` or ``gid`` None: whatever it is."""
    return read(path) != content or not has(path, mode, uid, gid)


def has(path, mode, uid, gid):
    """Whether there is a file of this mode and owner. ``uid`` or ``gid`` None: whatever it is."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    return (
        stat.S_IMODE(status.st_mode) == mode
        and stat.S_ISREG(status.st_mode)
        and uid in (None, status.st_uid)
        and gid in (None, status.st_gid)
    )


def own(path, mode, uid, gid):
    """Make a file where there is none, and set its mode and owner; what is in it stays.

    :raises ForeignFile: there is something else than a file. Its directory may be another user's, so no link is followed.
    """
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        raise ForeignFile("%s is a link, a directory or a device; expected a plain file, or none. Move it away" % path)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, mode)
    try:
        os.fchown(handle, -1 if uid is None else uid, -1 if gid is None else gid)
        os.fchmod(handle, mode)
    finally:
        os.close(handle)


def write(path, content, mode, uid, gid):
    """Replace a file in one step; nobody ever reads half of it, or reads it before its mode is right."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".taskfleet-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chown(temporary, -1 if uid is None else uid, -1 if gid is None else gid)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def sweep(directory, suffix, mark):
    """Names in a directory, without the suffix, of the files that carry the marker."""
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        if name.endswith(suffix) and owned(read(os.path.join(directory, name)), mark):
            found.append(name[: -len(suffix)])
    return found


def digest(*texts):
    """Hex digest of texts; None counts as empty."""
    total = hashlib.sha256()
    for text in texts:
        total.update((text or "").encode("utf-8", "surrogateescape"))
        total.update(b"\0")
    return total.hexdigest()[:32]
