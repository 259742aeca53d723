# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rules ask about the fleet as a whole, with the case of each node. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import known, once
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.case import Case


class Fleet:
    """What the rules ask about the fleet."""

    def __init__(self, expected, evidence, policy):
        self.expected = expected
        self.evidence = evidence
        self.policy = policy
        self.samples = evidence["broker"]["samples"]
        declared = {node["node"]: node for node in expected["nodes"]}
        self.cases = {
            name: Case(declared.get(name), node, self, policy) for name, node in sorted(evidence["nodes"].items())
        }
        self.mute = self._mute()
        self._accounts = {}

    def host(self, name):
        """The evidence on a host as a whole."""
        return self.evidence["hosts"].get(name) or {
            "reachable": None,
            "why": "the host was not looked at",
            "samples": [],
        }

    def reachable(self):
        """Whether the broker answered in the last round of questions. None when nobody asked it."""
        if not self.samples:
            return None
        newest = self.samples[-1]["at"]
        last = {sample["source"]: sample for sample in self.samples}
        answers = known(s["reachable"] for s in last.values() if newest - s["at"] <= 2 * self.policy["interval"])
        return any(answers) if answers else None

    def steady(self):
        """Whether the broker answered, and refused nothing, in all samples. None when nobody asked it."""
        answers = known(sample["reachable"] for sample in self.samples)
        if not answers:
            return None
        return all(answers) and not any(sample["refusing"] for sample in self.samples) and not self.alarms()

    def refusing(self):
        """What the broker last refused with, or an empty text."""
        last = {sample["source"]: sample for sample in self.samples}
        errors = [sample["error"] for sample in last.values() if sample["refusing"]]
        if errors:
            return errors[0]
        return "; ".join("alarm: " + str(alarm) for alarm in self.alarms())

    def alarms(self):
        """The alarms of the broker that are on."""
        return self.evidence["broker"]["facts"]["alarms"] or []

    def schedule(self):
        """The entries of beat's schedule of which is known when they ran."""
        return (self.evidence.get("schedule") or {"entries": ()})["entries"]

    def error(self):
        """What was last wrong with the way to the broker."""
        wrong = [s for s in self.samples if s["reachable"] is False]
        return "{layer}: {error}".format(**wrong[-1]) if wrong else ""

    @once
    def knows_clients(self):
        """Whether any node is found among the broker's clients in each sample, so that addresses can be compared."""
        looks = [case.clients for case in self.cases.values()]
        return any(samples and all(sample["waiting"] for sample in samples) for samples in looks)

    def accounted(self, queues):
        """How many tasks all who take from these queues tell of at most, or None where one of them does not tell."""
        key = frozenset(queues)
        if key not in self._accounts:
            self._accounts[key] = self._accounted(key)
        return self._accounts[key]

    def _accounted(self, queues):
        sharers = [case for case in self.cases.values() if case.queues.names() & queues]
        if not all(case.control.loads() for case in sharers):
            return None
        return sum(max(case.control.loads()) + max(case.control.readings("scheduled"), default=0) for case in sharers)

    def _mute(self):
        """Whether no declared worker that may run answers, of two or more. A single one proves nothing."""
        asked = [
            case
            for case in self.cases.values()
            if case.control.asked and case.host.running is not False and case.declaration.remote_control
        ]
        return len(asked) >= 2 and not any(case.control.answers for case in asked)
