# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real incidents, as tests/faults/recorder.py kept them: what the judge was given, and what was to be found."""

from __future__ import annotations

import copy
import functools
import json
import pathlib
import re

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.policy import policy
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.fleet import Fleet
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.fleet_health import declared, judged
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.verdict import RULES
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.scenes import is_found

DIRECTORY = pathlib.Path(__file__).with_name("recordings")
NAMES = sorted(path.stem for path in DIRECTORY.glob("*.json"))


@functools.lru_cache(maxsize=None)
def _text(name):
    return (DIRECTORY / f"{name}.json").read_text(encoding="utf-8")


def samples(given):
    """Return each look at a host that could be looked at, with the name of the host."""
    return [(host, sample) for host, look in given["looks"].items() for sample in look.get("samples", ())]


def without_heartbeats(given):
    """Return what would have been given without sentinels."""
    blind = copy.deepcopy(given)
    for _host, sample in samples(blind):
        for look in (*sample["instances"].values(), sample["beat"]):
            if look:
                look["heartbeat"] = None
    return blind


class Recording:
    """One of them; without a sentinel, all the same but for the heartbeats."""

    def __init__(self, name, sentinel=True):
        self.content = json.loads(_text(name))
        self.expected = self.content["expected"]
        self.given = self.content["given"]
        if not sentinel:
            self.given = without_heartbeats(self.given)

    @property
    def nodes(self):
        """The names of the nodes that it is about."""
        known = [node["node"] for node in self.given["params"]["expected"]]
        return known if self.expected.get("node") == "*" else [self.expected["node"]]

    def judge(self):
        """What the judge says of it today."""
        return judged(**self.given)

    def verdicts(self):
        """Those on the nodes that it is about."""
        return [verdict for verdict in self.judge()["report"]["nodes"] if verdict["node"] in self.nodes]

    def verdict(self):
        """That on the one node that it is about."""
        (verdict,) = self.verdicts()
        return verdict

    def case(self):
        """What judging a fleet takes."""
        params = self.given["params"]
        return declared(params), self.judge()["evidence"], params["policy"]

    def rule(self):
        """The rule that decides, as file and name."""
        expected, evidence, patience = self.case()
        node = Fleet(expected, evidence, policy(patience)).cases[self.nodes[0]]
        found = next(rule for rule in RULES if rule(node))
        return f"{found.__module__.rpartition('.')[2]}.{found.__name__}"

    def first_sample(self):
        """Forget all samples but the first of each kind, and the second reading of the processes."""
        for look in self.given["looks"].values():
            look["samples"] = look.get("samples", [])[:1]
            for sample in look["samples"]:
                for one in sample["instances"].values():
                    one["sample_seconds"] = 0
        for kind in ("control", "queues"):
            self.answers[kind] = self.answers[kind][:1]
        return self

    def broker_says(self, **broker):
        """Nobody could ask anything, for the broker said this."""
        for sample in self.answers["control"]:
            sample["broker"].update(broker)
            sample.update(replies=[], bodies=[])
        for sample in self.answers["queues"]:
            sample["broker"].update(broker)
            sample.update(queues={}, clients=None)
        return self

    @property
    def answers(self):
        """What was asked brought."""
        return self.given["asked"]["reply"]


OF_FINDINGS = [name for name in NAMES if "finding" in Recording(name).expected]
OF_WORKERS = [name for name in NAMES if name not in OF_FINDINGS]


def is_judged(name, sentinel, rule, reason, cited):
    """Assert which rule decides on a recording, what it finds, and what it cites for it."""
    recording = Recording(name, sentinel)
    verdict = recording.verdicts()[0]
    is_found(verdict, reason)
    assert (recording.rule(), cites(verdict)) == (rule, cited)


def cites(verdict):
    """What was cited for it, whatever the numbers of processes."""
    return [re.sub(r"\.\d+\.", ".PID.", f"{one['source']} {one['item']}") for one in verdict["evidence"]["decided_by"]]
