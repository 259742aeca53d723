# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who runs the application's Python on a host, and in which environment. Private to the collection."""

from __future__ import annotations

import grp
import os
import pwd


def _owner(python):
    """Return the uid to work as where none is named: root works as the owner of the environment, never as itself."""
    if os.geteuid() != 0:
        return os.geteuid()
    try:
        return os.stat(os.path.dirname(python)).st_uid
    except OSError:
        return 0


def account_of(user, group, python):
    """Return what the child has to do to become the user, or None, and the account."""
    try:
        account = pwd.getpwnam(user) if user else pwd.getpwuid(_owner(python))
    except KeyError as unknown:
        who = user or unknown.args[0]
        raise KeyError("there is no user {0!r} on this host; create it, or correct user".format(who)) from None
    try:
        gid = grp.getgrnam(group).gr_gid if group else account.pw_gid
    except KeyError:
        raise KeyError("there is no group {0!r} on this host; create it, or correct group".format(group)) from None
    if account.pw_uid == os.geteuid() and (not group or gid == os.getegid()):
        return None, account
    if os.geteuid() != 0:
        current = pwd.getpwuid(os.geteuid()).pw_name
        text = "running as {0}, which may not become {1}; use become, or leave user and group out"
        raise PermissionError(text.format(current, account.pw_name))

    def become():
        os.setgid(gid)
        os.initgroups(account.pw_name, gid)
        os.setuid(account.pw_uid)

    return become, account


def service_environment(python, account, pythonpath, environment):
    """Return the environment a service would have: nothing of the login that started this run."""
    directories = [os.path.dirname(python), "/usr/local/bin", "/usr/bin", "/bin"]
    result = {
        "PATH": os.pathsep.join(directories),
        "LANG": "C.UTF-8",
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
    }
    result.update(environment)
    paths = [*pythonpath, *filter(None, [environment.get("PYTHONPATH")])]
    if paths:
        result["PYTHONPATH"] = os.pathsep.join(paths)
    # A look leaves nothing behind, least of all files of another owner.
    result["PYTHONDONTWRITEBYTECODE"] = "1"
    return result
