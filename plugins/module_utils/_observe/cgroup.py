# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The memory of a control group: use, limits, and how often a limit was met. Linux only. Private to the collection."""

from __future__ import annotations

import os

from ansible_collections.taskfleet.celery.plugins.module_utils._observe.sockets import Unknown

# cgroup v1 writes a number near 2**63 for no limit.
NO_LIMIT = 1 << 60


def memory(pid=None, path=None, proc="/proc", root="/sys/fs/cgroup"):
    """Return version, path, current_bytes, limit_bytes, high_bytes and events of the group of a process, or of a path."""
    problem = "no process runs"
    for version, group in _groups(pid, path, proc):
        problem = "the files of the control group {0} cannot be read".format(group)
        for mount in _mounts(version, root):
            directory = os.path.join(mount, group.lstrip("/"))
            limits = _v2(directory) if version == 2 else _v1(directory)
            if limits:
                return dict(limits, version=version, path=group)
    raise Unknown(problem)


def _groups(pid, path, proc):
    """Yield (version, path) of the group that accounts for memory; version 1 first, for a host may have both."""
    if path is not None:
        yield 1, path
        yield 2, path
        return
    if not pid:
        return
    lines = _text(os.path.join(proc, str(pid), "cgroup")).splitlines()
    parts = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    for _number, controllers, group in parts:
        if "memory" in controllers.split(","):
            yield 1, group
    for number, _controllers, group in parts:
        if number == "0":
            yield 2, group


def _mounts(version, root):
    return [os.path.join(root, "memory")] if version == 1 else [root, os.path.join(root, "unified")]


def _v2(directory):
    current = _number(directory, "memory.current")
    if current is None:
        return None
    events = _pairs(directory, "memory.events")
    return {
        "current_bytes": current,
        "limit_bytes": _number(directory, "memory.max"),
        "high_bytes": _number(directory, "memory.high"),
        "events": {name: events.get(name) for name in ("high", "max", "oom", "oom_kill")},
    }


def _v1(directory):
    current = _number(directory, "memory.usage_in_bytes")
    if current is None:
        return None
    return {
        "current_bytes": current,
        "limit_bytes": _number(directory, "memory.limit_in_bytes"),
        "high_bytes": _number(directory, "memory.soft_limit_in_bytes"),
        "events": {
            "high": None,
            "max": _number(directory, "memory.failcnt"),
            "oom": None,
            "oom_kill": _pairs(directory, "memory.oom_control").get("oom_kill"),
        },
    }


def _number(directory, name):
    text = _text(os.path.join(directory, name)).strip()
    return int(text) if text.isdigit() and int(text) < NO_LIMIT else None


def _pairs(directory, name):
    lines = (line.split() for line in _text(os.path.join(directory, name)).splitlines())
    return {fields[0]: int(fields[1]) for fields in lines if len(fields) == 2 and fields[1].isdigit()}


def _text(path):
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""
