# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pool of a worker: its name and its size. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._common.pools import IN_LOOP
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import once


class Pool:
    """What runs the tasks, by the first that tells: the sentinel, remote control, the declaration."""

    def __init__(self, declaration, heartbeats, control):
        self._declaration = declaration
        self._heartbeats = heartbeats
        self._control = control

    @once
    def name(self):
        """As in ``--pool``, or None. It does not change, so a stale heartbeat is good enough."""
        names = [self._heartbeats.latest("pool")]
        names += [sample["pool"] for sample in reversed(self._control.answers)]
        names += [heartbeat.get("pool") for heartbeat in reversed(self._heartbeats.found)]
        names.append(self._declaration.pool)
        return next((name for name in names if name), None)

    def in_loop(self):
        """Whether a task keeps the main loop from turning. None when the pool is not known."""
        name = self.name()
        return None if name is None else name in IN_LOOP

    @once
    def concurrency(self):
        """How many tasks it runs at once, or None."""
        numbers = [self._heartbeats.latest("concurrency")]
        numbers += [sample["concurrency"] for sample in reversed(self._control.answers)]
        numbers.append(self._declaration.concurrency)
        return next((number for number in numbers if number), None)
