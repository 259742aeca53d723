# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tasks of a worker: what it has at hand, and whether they move. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import (
    CONTROL,
    HOST,
    cite,
    once,
)


class Work:
    """Tasks, by the account of the sentinel and by that of remote control."""

    def __init__(self, declaration, heartbeats, control, pool, policy, clock_offset):
        self._declaration = declaration
        self._heartbeats = heartbeats
        self._control = control
        self._pool = pool
        self._overrun_grace = policy["overrun_grace"]
        self._clock_offset = clock_offset

    # -- Whether tasks go through it

    @once
    def progress(self):
        """A citation, if the node did work between two samples."""
        for key in ("completed_total", "received_total"):
            totals = self._heartbeats.readings(key)
            if len(totals) >= 2 and totals[-1] > totals[0]:
                return cite(HOST, "heartbeat." + key, totals, "tasks went through it")
        # After a restart it counts from 0 again.
        pids = {sample["pid"] for sample in self._control.answers}
        totals = self._control.readings("total")
        if len(totals) >= 2 and len(pids) == 1 and totals[-1] > totals[0]:
            return cite(CONTROL, "stats.total", totals, "tasks went through it")
        return None

    @once
    def flat(self):
        """A citation, if at least two samples show that no task went through it."""
        if self.progress():
            return None
        for key in ("received_total", "completed_total"):
            totals = self._heartbeats.readings(key)
            if len(totals) >= 2:
                return cite(HOST, "heartbeat." + key, totals, "no task went through it")
        totals = self._control.readings("total")
        if len(totals) >= 2 and len(set(totals)) == 1:
            return cite(CONTROL, "stats.total", totals, "no task went through it")
        return None

    # -- What it has at hand

    def loads(self, source):
        """How many tasks it has at hand, by the account of the control plane or of the host, in each sample."""
        return (self._heartbeats if source == HOST else self._control).loads()

    @once
    def busy_slots(self):
        """How many tasks run in the last sample, or None."""
        if self._heartbeats.last and self._heartbeats.busy_slots()[-1] is not None:
            return self._heartbeats.busy_slots()[-1]
        running = self._control.readings("active")
        return len(running[-1]) if running else None

    @once
    def empty_handed(self):
        """A citation, if it had no task at all in at least two samples, by every account of it."""
        accounts = [(source, self.loads(source)) for source in (CONTROL, HOST)]
        if any(any(loads) for _source, loads in accounts) or any(self._control.readings("scheduled")):
            return None
        for source, loads in accounts:
            if len(loads) >= 2:
                return cite(source, "active + reserved", loads, "it has no task at hand")
        return None

    # -- Which tasks run

    @once
    def tasks(self):
        """The running tasks at the last look: id, name, age, hard, in seconds by the clock of the worker."""
        for heartbeat in [*reversed(self._heartbeats.fresh), *reversed(self._heartbeats.stale())]:
            if isinstance(heartbeat.get("active"), list):
                now = heartbeat["written_at"] + heartbeat["age"]
                return [self._task(task, now) for task in heartbeat["active"]]
        for sample in reversed(self._control.answers):
            if sample["active"] is not None:
                now = sample["at"] + (self._clock_offset() or 0)
                return [self._task(task, now) for task in sample["active"]]
        return []

    def _task(self, task, now):
        started = task.get("started")
        return {
            "id": task.get("id"),
            "name": task.get("name"),
            "pid": task.get("pid"),
            "started": started,
            "age": None if started is None else max(now - started, 0),
            "hard": task.get("hard") or self._declaration.hard_limit,
        }

    def blocking_task(self):
        """The task that lawfully keeps the loop of this pool from turning, or None."""
        if not self._pool.in_loop():
            return None
        for task in self.tasks():
            if task["age"] is None or not task["hard"] or task["age"] <= task["hard"] + self._overrun_grace:
                return task
        return None
