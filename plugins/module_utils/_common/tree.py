# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree of files, copied by content: what is in it, what differs, and how it is put down."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import tempfile

# Written last, and inside the tree: it names what this collection put there.
RECORD = ".taskfleet-tree.json"

# What is made anew on each machine, and what belongs to the version control.
LEFT_OUT = frozenset({"__pycache__", ".git", ".hg", ".svn", RECORD})

DIRECTORY_MODE = 0o750
PLAIN_MODE = 0o640
PROGRAM_MODE = 0o750


class TreeError(Exception):
    """A tree that cannot be read, or a name that may not be written."""


def scan(root):
    """What a tree holds. Links are followed.

    :param str root: path of a directory.
    :returns: relative path to ``[digest, program]``; ``program`` tells whether its owner may execute it.
    :raises TreeError: it is no directory, a link leads nowhere, or links go round in a circle.
    """
    if not os.path.isdir(root):
        raise TreeError("%s is not a directory on the controller" % root)
    found = {}
    _scan(root, "", (), found)
    return found


def _scan(folder, prefix, above, found):
    real = os.path.realpath(folder)
    if real in above:
        raise TreeError("%s leads back to %s, a directory above it; remove that link" % (folder, real))
    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        if entry.name in LEFT_OUT or entry.name.endswith(".pyc"):
            continue
        if entry.is_dir():
            _scan(entry.path, prefix + entry.name + "/", (*above, real), found)
        elif entry.is_file():
            found[prefix + entry.name] = describe(entry.path)
        elif entry.is_symlink():
            raise TreeError("%s is a link that leads nowhere; fix or remove it" % entry.path)


def describe(path):
    """``[digest, program]`` of a file."""
    total = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            total.update(block)
        program = bool(os.fstat(stream.fileno()).st_mode & 0o100)
    return [total.hexdigest(), program]


def compare(root, wanted):
    """What must change below ``root``: paths to write, and paths to remove.

    Only a file that an earlier copy put there is removed: what the application made itself stays.
    """
    write = sorted(path for path, one in wanted.items() if not _stands(os.path.join(root, path), one))
    gone = sorted(path for path in recorded(root) if path not in wanted and os.path.lexists(os.path.join(root, path)))
    return write, gone


def recorded(root):
    """Paths that earlier copies put below ``root``."""
    try:
        with open(os.path.join(root, RECORD), encoding="utf-8") as stream:
            paths = json.load(stream)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return []
    return [path for path in paths if isinstance(path, str) and inside(path)]


def inside(path):
    """Whether a relative path stays below its root."""
    return bool(path) and not path.startswith("/") and ".." not in path.split("/")


def _stands(path, wanted):
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    digest, program = wanted
    mode = PROGRAM_MODE if program else PLAIN_MODE
    return (
        os.path.isfile(path)
        and not os.path.islink(path)
        and status.st_mode & 0o7777 == mode
        and describe(path)[0] == digest
    )


def pack(root, paths, archive):
    """Write the files at ``paths`` below ``root`` into a compressed archive."""
    with tarfile.open(archive, "w:gz", compresslevel=6, dereference=True) as bundle:
        for path in paths:
            bundle.add(os.path.join(root, path), arcname=path, recursive=False)


def put(root, wanted, bundle, remove):
    """Make ``root`` hold what is wanted: remove, write the files of an open archive each in one step, record.

    :param dict wanted: as ``scan`` returns it.
    :param tarfile.TarFile bundle: the files to write, or None for none.
    :param list remove: paths to remove.
    :raises TreeError: the archive holds something else than was wanted.
    """
    # Under both the old and the new name list, until all is done: an interrupted run still knows what it owns.
    _record(root, sorted(set(recorded(root)) | set(wanted)))
    for path in remove:
        _remove(root, path)
    for member in bundle or ():
        if member.name not in wanted or not inside(member.name) or not member.isfile():
            raise TreeError("the archive holds %s, which was not asked for" % member.name)
        _write(root, member.name, bundle.extractfile(member), wanted[member.name])
    _record(root, sorted(wanted))


def _write(root, path, source, wanted):
    target = os.path.join(root, path)
    _make_way(root, os.path.dirname(path))
    if os.path.isdir(target) and not os.path.islink(target):
        raise TreeError("%s is a directory, expected a file; move it away" % target)
    digest, program = wanted
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".taskfleet-")
    total = hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as stream:
            for block in iter(lambda: source.read(1 << 20), b""):
                total.update(block)
                stream.write(block)
        if total.hexdigest() != digest:
            raise TreeError("%s changed on the controller while it was copied; run again" % path)
        os.chmod(temporary, PROGRAM_MODE if program else PLAIN_MODE)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _make_way(root, folder):
    """Make the directories of a path below ``root``. A file or a link in the place of one gives way."""
    path = root
    for name in [part for part in folder.split("/") if part]:
        path = os.path.join(path, name)
        if os.path.isdir(path) and not os.path.islink(path):
            continue
        if os.path.lexists(path):
            os.unlink(path)
        os.mkdir(path, DIRECTORY_MODE)
        os.chmod(path, DIRECTORY_MODE)


def _remove(root, path):
    """Remove a file, and the directories that held nothing else."""
    target = os.path.join(root, path)
    if os.path.isdir(target) and not os.path.islink(target):
        return
    os.unlink(target)
    folder = os.path.dirname(path)
    while folder:
        full = os.path.join(root, folder)
        if any(name != "__pycache__" for name in os.listdir(full)):
            return
        _remove_bytecode(os.path.join(full, "__pycache__"))
        os.rmdir(full)
        folder = os.path.dirname(folder)


def _remove_bytecode(folder):
    if os.path.isdir(folder):
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)


def _record(root, paths):
    handle, temporary = tempfile.mkstemp(dir=root, prefix=".taskfleet-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(paths, stream, indent=0)
        os.chmod(temporary, PLAIN_MODE)
        os.replace(temporary, os.path.join(root, RECORD))
    except BaseException:
        os.unlink(temporary)
        raise
