# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that a worker has taken and lawfully does not run yet. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._common.replies import setting
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import (
    CONTROL,
    HOST,
    cite,
    known,
    once,
)


class HeldTasks:
    """They wait inside the worker, for their time or for a rate limit, and free slots do not help them."""

    def __init__(self, declaration, heartbeats, control, queues, fleet):
        self._declaration = declaration
        self._heartbeats = heartbeats
        self._control = control
        self._queues = queues
        self._fleet = fleet

    @once
    def by_eta(self):
        """A citation, if tasks that wait for their time are at hand in at least two samples."""
        counts = self._control.readings("scheduled")
        if len(counts) >= 2 and all(counts):
            return cite(CONTROL, "scheduled", counts, "tasks wait in it for their time")
        return None

    @once
    def by_limit(self):
        """A citation, if tasks that wait for their rate limit are at hand in at least two samples.

        Remote control has them neither among the active nor among the reserved: the sentinel counts them, and where
        there is none, so does the broker: nobody who takes from the queue accounts for them.
        """
        counts = self._heartbeats.readings("limited")
        if counts:
            citation = cite(HOST, "heartbeat.limited", counts, "tasks wait in it for their rate limit")
            return citation if len(counts) >= 2 and all(counts) else None
        return self._unaccounted() if self._rate_limited() else None

    def may_be_by_limit(self):
        """Whether it may be holding tasks for a rate limit, as far as is known."""
        counts = self._heartbeats.readings("limited")
        if counts:
            return any(counts)
        return self._rate_limited() is not False and self._queues.any_unacked()

    def _unaccounted(self):
        """A citation, if more of its tasks are unacknowledged than all who could have them tell of."""
        unacked = self._queues.unacked()
        accounted = self._fleet.accounted(self._queues.names()) if unacked else None
        return unacked if accounted is not None and min(unacked["readings"]) > accounted else None

    def _rate_limited(self):
        """Whether tasks may wait in it for a rate limit. None when not known."""
        limits = self._control.readings("rate_limits")
        default = known(setting(sample["conf"] or {}, "task_default_rate_limit") for sample in self._control.answers)
        declared = self._declaration.rate_limits
        if default or any(limits) or declared:
            return True
        return False if limits or declared is not None else None
