# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts a tree down as its owner, from an archive of what differs. Private to the collection."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import tarfile

from ansible_collections.taskfleet.celery.plugins.module_utils._common import tree


def account(owner, group):
    """uid and gid to work as; None where root is not at work, so that there is no choice."""
    if os.geteuid() != 0 or not owner:
        return None
    entry = pwd.getpwnam(owner)
    return entry.pw_uid, grp.getgrnam(group).gr_gid if group else entry.pw_gid


def make_root(dest, ids):
    """The directory itself, which the account may not be able to make."""
    if not os.path.isdir(dest):
        os.mkdir(dest, tree.DIRECTORY_MODE)
        os.chmod(dest, tree.DIRECTORY_MODE)
        if ids:
            os.chown(dest, *ids)


@contextlib.contextmanager
def working_as(ids):
    """Work as the owner of the tree."""
    if not ids:
        yield
        return
    groups = os.getgroups()
    try:
        os.setgroups([ids[1]])
        os.setegid(ids[1])
        os.seteuid(ids[0])
        yield
    finally:
        os.seteuid(os.getuid())
        os.setegid(os.getgid())
        os.setgroups(groups)


def archived(path):
    """The archive, opened while its reader may still do so; without a path, nothing."""
    return tarfile.open(path, "r:gz") if path else contextlib.nullcontext()


def copy(params, check_mode):
    """Compare; where everything that is needed is at hand, change it."""
    dest, wanted = params["dest"], params["wanted"]
    write, gone = tree.compare(dest, wanted)
    result = {"changed": bool(write or gone), "written": write, "removed": gone, "diff": difference(dest, write, gone)}
    if check_mode or not result["changed"] or (write and not params["archive"]):
        return result
    ids = account(params["owner"], params["group"])
    with archived(params["archive"] if write else None) as bundle:
        make_root(dest, ids)
        with working_as(ids):
            tree.put(dest, wanted, bundle, gone)
    return result


def difference(dest, write, gone):
    """Names of the files that differ."""
    lines = ["write %s" % path for path in write] + ["remove %s" % path for path in gone]
    return {"prepared": "".join("%s: %s\n" % (dest, line) for line in lines)}
