# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of the services of one owner: what they hold, which are stale, and how they are laid down.

``params`` are those of the module ``celery_service``. Private to the collection.
"""

from __future__ import annotations

import grp
import os
import pwd
import re

from ansible_collections.taskfleet.celery.plugins.module_utils._service import owned_files

LOG_MODE = 0o640
UNIT_MODE = 0o644
ENVIRONMENT_MODE = 0o640


def desired_files(params, manager):
    """Declared services with their digest and the files that they consist of."""
    mark = owned_files.marker(params["app"], params["owner"])
    shared = owned_files.read(params["environment_file"])
    uid, gid = owner_ids(params["group"])
    result = []
    for service in params["services"]:
        unit = "%s\n%s" % (mark, service["unit"].strip("\n") + "\n")
        own = params["environments"][service["name"]]
        digest = owned_files.digest(unit, own, shared, params["revision"])
        environment = '%s\nTASKFLEET_SERVICE="%s"\nTASKFLEET_CONFIG="%s"\n%s' % (
            mark,
            service["name"],
            digest,
            own,
        )
        result.append(
            {
                "name": service["name"],
                "state": service["state"],
                "environment_name": service["environment_name"],
                "digest": digest,
                "files": [
                    (manager.path(service["name"]), unit, UNIT_MODE, uid, uid),
                    (
                        os.path.join(params["config_directory"], service["environment_name"]),
                        environment,
                        ENVIRONMENT_MODE,
                        uid,
                        gid,
                    ),
                ],
            }
        )
    return result


def stop_timeout(path):
    """Return the seconds from TERM to KILL that the file of a service gives it, None where it does not say."""
    found = re.search(r"^(?:TimeoutStopSec|stopwaitsecs)=(\d+)$", owned_files.read(path) or "", re.MULTILINE)
    return int(found.group(1)) if found else None


def owner_ids(group):
    """uid and gid of the files; None where ownership is not ours to set, or the group is still to be made."""
    return (0, id_of(grp.getgrnam, group)) if group else (None, None)


def id_of(find, name):
    """Number of a user or a group, found by name; None without a name, and where it is still to be made."""
    try:
        return find(name)[2] if name else None
    except KeyError:
        return None


def refuse_foreign(desired, mark):
    """Never write over a file that is not ours."""
    for service in desired:
        for path, *_rest in service["files"]:
            text = owned_files.read(path)
            if text is not None and not owned_files.owned(text, mark):
                raise owned_files.ForeignFile(
                    "%s exists and was not written by this role; expected no file, or the marker %r in its first line. "
                    "Move it away, or give the instance another name" % (path, mark)
                )


def stale_services(params, managers, mark):
    """Owned services that are no longer declared for the manager that they are under."""
    declared = {service["name"] for service in params["services"]}
    found = []
    for label, manager in managers.items():
        for name in owned_files.sweep(manager.directory, os.path.splitext(manager.path("x"))[1], mark):
            if name not in declared or label != params["manager"]:
                found.append(
                    {"name": name, "manager": label, "environment_name": environment_name(params["app"], name)}
                )
    return found


def environment_name(app, name):
    """``worker-w1.env`` of ``shop-worker@w1`` and of ``shop-worker-w1``."""
    return name[len(app) + 1 :].replace("@", "-") + ".env"


def further_files(params):
    """The files that are no service. They come before those that are."""
    uid, _gid = owner_ids(params["group"])
    return [(one["path"], one["content"], int(one["mode"], 8), uid, uid) for one in params["files"]]


def apply_files(params, desired, manager, check_mode):
    """Write what differs and let the manager read it. Returns the paths that differed, and the diffs."""
    written, diffs = [], []
    files = further_files(params) + [file for service in desired for file in service["files"]]
    for path, content, mode, uid, gid in files:
        if not owned_files.differs(path, content, mode, uid, gid):
            continue
        written.append(path)
        hidden = mode == ENVIRONMENT_MODE
        diffs.append(
            {
                "before_header": path,
                "after_header": path,
                "before": "" if hidden else owned_files.read(path) or "",
                "after": "(content not shown)\n" if hidden else content,
            }
        )
        if not check_mode:
            owned_files.write(path, content, mode, uid, gid)
    # Only what the manager reads concerns it: supervisor need not be there yet for the application's own files.
    if not check_mode and any(os.path.dirname(path) == manager.directory for path in written):
        manager.reload()
    return written, diffs


def apply_logs(params, check_mode):
    """Make the log files, and own them. Returns whether anything differed."""
    paths = [service["log_file"] for service in params["services"] if service["log_file"]]
    uid, gid = id_of(pwd.getpwnam, params["log_owner"]), id_of(grp.getgrnam, params["group"])
    wrong = [path for path in paths if not owned_files.has(path, LOG_MODE, uid, gid)]
    if not check_mode:
        for path in wrong:
            owned_files.own(path, LOG_MODE, uid, gid)
    return bool(wrong)
