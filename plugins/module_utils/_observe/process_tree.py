# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of a service as a tree, and what they did between two looks. From /proc, Linux only.

Private to the collection.
"""

from __future__ import annotations

import os
import time

from ansible_collections.taskfleet.celery.plugins.module_utils._observe.processes import describe

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def parents(proc="/proc"):
    """Return the parent of every process: {pid: ppid}."""
    found = {}
    for name in os.listdir(proc):
        if name.isdigit():
            fields = _stat(proc, name)
            if fields:
                found[int(name)] = int(fields[1])
    return found


def family(main, parent_of):
    """Return the pids of a process and of all that it started, directly or not."""
    children = {}
    for pid, parent in parent_of.items():
        children.setdefault(parent, []).append(pid)
    found, waiting = [], [main] if main in parent_of else []
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting.extend(children.get(pid, []))
    return sorted(found)


def look(pids, proc="/proc"):
    """Return what the kernel tells of these processes now: {pid: facts}. Those that have ended are left out."""
    found = {}
    for pid in pids:
        facts = _facts(proc, str(pid))
        if facts:
            found[pid] = facts
    return found


def compare(before, after, main, hostname, command=()):
    """Return the processes of the second look with what they did since the first, and the pids that ended between.

    A pid that was taken again by another process counts as ended and as a new one.
    """
    processes = []
    for pid in sorted(after):
        now, then = after[pid], before.get(pid)
        if then and then["start"] != now["start"]:
            then = None
        processes.append(
            {
                "pid": pid,
                "ppid": now["ppid"],
                "role": role(pid, now, main, hostname, command),
                "name": now["name"],
                "state": now["state"],
                "age": now["age"],
                "cpu_seconds": round((now["ticks"] - (then["ticks"] if then else 0)) / TICKS, 3),
                "cpu_total": round(now["ticks"] / TICKS, 2),
                "switches": None if now["switches"] is None else now["switches"] - ((then or {}).get("switches") or 0),
                "threads": now["threads"],
                "wchan": now["wchan"],
                "rss_bytes": now["rss_bytes"],
                "new": then is None,
            }
        )
    ended = [pid for pid in before if pid not in after or after[pid]["start"] != before[pid]["start"]]
    return processes, sorted(ended)


def role(pid, facts, main, hostname, command=()):
    """Return main, child for a process of the pool, or other for what tasks and libraries start."""
    if pid == main:
        return "main"
    seen = describe(facts["argv"], hostname, command) if facts["ppid"] == main else None
    return "child" if seen and seen["kind"] == "worker" else "other"


def _facts(proc, pid):
    fields = _stat(proc, pid)
    if not fields:
        return None
    status = _status(proc, pid)
    switches = [status[name] for name in ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches") if name in status]
    return {
        "ppid": int(fields[1]),
        "name": status.get("Name", ""),
        "state": fields[0],
        "ticks": int(fields[11]) + int(fields[12]),
        "threads": int(fields[17]),
        "start": int(fields[19]),
        "age": round(max(time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / TICKS, 0), 2),
        "rss_bytes": int(fields[21]) * PAGE,
        "switches": sum(map(int, switches)) if switches else None,
        "wchan": _wchan(proc, pid),
        "argv": _read(proc, pid, "cmdline").rstrip("\0").split("\0"),
    }


def _stat(proc, pid):
    # The name of the program, in brackets, can hold spaces and brackets.
    return _read(proc, pid, "stat").rpartition(")")[2].split()


def _status(proc, pid):
    lines = (line.partition(":") for line in _read(proc, pid, "status").splitlines())
    return {name: value.strip() for name, _colon, value in lines}


def _wchan(proc, pid):
    # The kernel says 0 of a process that runs, and to who may not know.
    text = _read(proc, pid, "wchan").strip()
    return None if text in ("", "0") else text


def _read(proc, pid, name):
    try:
        with open(os.path.join(proc, pid, name), encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""
