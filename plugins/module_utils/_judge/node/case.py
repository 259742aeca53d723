# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One node before the judge: all that the rules ask about it. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import known
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.control import ControlEvidence
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.declaration import Declaration
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.heartbeats import Heartbeats
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.held_tasks import HeldTasks
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.host import HostEvidence
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.pool import Pool
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.queues import Queues
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.work import Work


class Case:
    """One node, as it was declared, with its evidence and that of the fleet."""

    def __init__(self, declared, evidence, fleet, policy):
        self.node = evidence["node"]
        self.host_name = evidence["host"]
        self.evidence = evidence
        self.fleet = fleet
        self.policy = policy
        # What was said and seen of it.
        self.declaration = Declaration(declared, policy)
        self.host = HostEvidence(evidence["host_samples"])
        self.heartbeats = Heartbeats(evidence["host_samples"], policy["stall_after"])
        self.control = ControlEvidence(evidence["control"])
        self.clients = evidence["clients"]
        # What follows from several of these.
        parts = self.declaration, self.heartbeats, self.control
        self.pool = Pool(*parts)
        self.queues = Queues(*parts, fleet.evidence["queues"])
        self.work = Work(*parts, self.pool, policy, self.clock_offset)
        self.held = HeldTasks(*parts, self.queues, fleet)

    def clock_offset(self):
        """Seconds that the clock of the host is ahead, or None."""
        offsets = known(sample["clock_offset"] for sample in self.fleet.host(self.host_name)["samples"])
        return offsets[-1] if offsets else None

    def past_start_grace(self):
        """Whether it is known to have run for longer than its start may take."""
        return (self.host.age() or 0) > self.declaration.start_grace

    def span(self):
        """Seconds from the first look to the last, of any kind."""
        moments = [sample["at"] for sample in self.control.samples + self.host.samples + self.clients]
        looks = [sample["seconds"] or 0 for sample in self.host.samples]
        return max([max(moments) - min(moments), *looks]) if moments else 0

    def now(self):
        """The time of the host at the last look, or that of the controller."""
        clocks = known(sample["clock"] for sample in self.host.samples)
        return clocks[-1] if clocks else self.fleet.evidence["taken_at"]
