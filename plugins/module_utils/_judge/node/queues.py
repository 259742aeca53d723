# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The queues of a node, and the work in them. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import (
    BROKER,
    HOST,
    cite,
    known,
    once,
)


class Queues:
    """The queues whose work a node should take, by the broker's account where it was asked."""

    def __init__(self, declaration, heartbeats, control, depths):
        self._declaration = declaration
        self._heartbeats = heartbeats
        self._control = control
        self._depths = depths

    @once
    def consumed(self):
        """The queues that the node says it consumes, in each sample that tells; the sentinel's if there are none."""
        named = self._heartbeats.readings("queues")
        return self._control.readings("queues") or [sorted(names) for names in named if isinstance(names, list)]

    @once
    def names(self):
        """The queues whose work this node should take: those that it consumes, or else those declared for it."""
        consumed = set(self.consumed()[-1]) if self.consumed() else set()
        return consumed & self._declaration.queues or consumed or self._declaration.queues

    def samples(self, name):
        """The broker's account of a queue, in each sample."""
        return self._depths.get(name) or ()

    def not_known(self):
        """Those of its queues that the broker says nothing of."""
        return [name for name in sorted(self.names()) if not self.samples(name)]

    @once
    def waiting(self):
        """A citation, if work waits in one of its queues in at least two samples."""
        for name in sorted(self.names()):
            ready = [sample["ready"] for sample in self.samples(name)]
            if len(ready) >= 2 and all(ready):
                return cite(BROKER, "queues.{0}.ready".format(name), ready, "work waits in {0}".format(name))
        waiting = self._heartbeats.of_broker("waiting")
        if len(waiting) >= 2 and all(waiting):
            return cite(HOST, "heartbeat.broker.waiting", waiting, "work waits in its queues")
        return None

    def empty(self):
        """Whether its queues are known to be empty in the last sample."""
        last = [self.samples(name) for name in self.names()]
        if last and all(samples and samples[-1]["ready"] == 0 for samples in last):
            return True
        return self._heartbeats.of_broker("waiting")[-1:] == [0]

    @once
    def unacked(self):
        """A citation, if tasks of one of its queues are unacknowledged in at least two samples, whoever has them."""
        for name in sorted(self.names()):
            unacked = [sample["unacked"] for sample in self.samples(name)]
            if len(unacked) >= 2 and all(unacked):
                says = "a worker of the queue has tasks at hand"
                return cite(BROKER, "queues.{0}.unacked".format(name), unacked, says)
        return None

    def any_unacked(self):
        """Whether the broker, in any sample, does not rule out that tasks of its queues are unacknowledged."""
        return any(sample["unacked"] != 0 for name in self.names() for sample in self.samples(name))

    def total_unacked(self):
        """How many messages of its queues are taken and not acknowledged, by whomever, or None."""
        last = known(samples[-1]["unacked"] for samples in map(self.samples, self.names()) if samples)
        return sum(last) if last else None
