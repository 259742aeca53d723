# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A digest of the code that an application runs. Runs inside the application's Python. Private to the collection."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import platform
import sys
import sysconfig
from importlib.machinery import PathFinder
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ansible_collections.taskfleet.celery.plugins.module_utils._common.celery_plugin import is_plugin

SKIPPED_FOLDERS = {".git", ".hg", ".svn", "__pycache__"}
SITE_FOLDERS = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
MOST_FILES = 50000
MOST_BYTES = 256 * 1024 * 1024


def code_digest(distributions, source_dir, app):
    """Return a digest of the code that the application runs, whoever has laid it there.

    That is its source tree, what is installed beside it, and the Python files that it finds outside of both: on
    PYTHONPATH, in trees that are installed as editable, and where its own module lies.

    :param dict distributions: as ``installed`` returns them.
    :param str source_dir: the deployed source tree, or None.
    :param str app: what ``celery -A`` gets.
    """
    versions = {name: one["version"] for name, one in distributions.items()}
    required = {name: one["needs"] for name, one in distributions.items()}
    own = {name: distributions[name] for name in of_the_application(versions, required)}
    editable = [editable_folder(one["origin"]) for one in own.values()]
    # Each look through the application's own command has a directory of its own.
    on_path = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if not is_plugin(folder)]
    elsewhere = folders_elsewhere([*on_path, *editable, *folders_of(app)], source_dir)
    # The commit or the digest of an origin, where the version may be the same.
    identities = {name: " ".join(filter(None, (one["version"], one["origin"]))) for name, one in own.items()}
    return revision(source_dir, identities, elsewhere)


def editable_folder(origin):
    """Return the folder that a direct_url.json says is installed as editable, or None."""
    try:
        record = json.loads(origin)
        path = url2pathname(urlsplit(record["url"]).path)
        return path if record["dir_info"].get("editable") else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def folders_of(app):
    """Return the folders that the module of the application lies in, without importing it."""
    spec = PathFinder.find_spec(app.partition(":")[0].partition(".")[0], [os.getcwd(), *sys.path])
    if spec is None:
        return []
    return list(spec.submodule_search_locations or ()) or [os.path.dirname(spec.origin or "")]


def folders_elsewhere(folders, source_dir):
    """Return those of the folders that neither the source tree nor the virtual environment has, each once."""
    known = [os.path.realpath(folder) for folder in (source_dir, *SITE_FOLDERS) if folder]
    found = []
    for folder in sorted({os.path.realpath(folder) for folder in folders if folder and os.path.isdir(folder)}):
        if not any(folder == one or folder.startswith(one + os.sep) for one in known + found):
            found.append(folder)
    return found


def of_the_application(versions, required):
    """Return the versions without Flower and without what only Flower requires.

    It watches the application and is no part of it: installed later, it must not restart the workers.
    """
    left_out = {"flower"} & set(versions)
    while True:
        more = {
            name
            for name in set(versions) - left_out - {"celery"}
            if required_by(name, required) and required_by(name, required) <= left_out
        }
        if not more:
            return {name: version for name, version in versions.items() if name not in left_out}
        left_out |= more


def required_by(name, required):
    """Return the distributions that require one, itself left out."""
    return {other for other, names in required.items() if name in names and other != name}


def revision(folder, versions, elsewhere=()):
    """Return a digest of the source tree, of the installed distributions, and of Python files elsewhere."""
    # Packages of one version are others for another Python.
    digest = hashlib.sha256("python=={0}\n".format(".".join(platform.python_version_tuple()[:2])).encode("utf-8"))
    for name, version in sorted(versions.items()):
        digest.update("{0}=={1}\n".format(name, version).encode("utf-8"))
    budget = MOST_BYTES
    files = itertools.chain(tree(folder) if folder else (), *map(python_files, elsewhere))
    for path, full in itertools.islice(files, MOST_FILES):
        try:
            size = os.lstat(full).st_size
            budget -= size
            data = content(full) if budget > 0 else b""
        except OSError:
            size, data = 0, b"unreadable"
        digest.update("{0}\0{1}\0".format(path, size).encode("utf-8", "surrogateescape") + data)
    return digest.hexdigest()


def tree(folder):
    """Yield relative and full path of the files that make up a source tree, in a fixed order."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS and not name.endswith(".egg-info"))
        for name in sorted(files):
            if not name.endswith((".pyc", ".pyo")):
                full = os.path.join(root, name)
                yield os.path.relpath(full, folder), full


def python_files(folder):
    """Yield the same of the Python files of a folder that also has what the application writes, or its virtual environment."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if name not in SKIPPED_FOLDERS
            and not name.startswith(".")
            and not os.path.exists(os.path.join(root, name, "pyvenv.cfg"))
        )
        for name in sorted(files):
            if name.endswith(".py"):
                full = os.path.join(root, name)
                yield os.path.join(folder, os.path.relpath(full, folder)), full


def content(path):
    """Return the digest of a file's content, or where a link leads; a pipe or a socket has none."""
    if os.path.islink(path):
        return os.fsencode(os.readlink(path))
    digest = hashlib.sha256()
    if os.path.isfile(path):
        with open(path, "rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
    return digest.digest()
