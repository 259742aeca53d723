# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real incidents, as tests/faults/recorder.py kept them: what the judge was given, and what was to be found."""

from __future__ import annotations

import functools
import json
import pathlib

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.policy import policy
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.fleet import Fleet
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.fleet_health import declared, judged
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.verdict import RULES

DIRECTORY = pathlib.Path(__file__).with_name("recordings")
NAMES = sorted(path.stem for path in DIRECTORY.glob("*.json"))


@functools.lru_cache(maxsize=None)
def _text(name):
    return (DIRECTORY / f"{name}.json").read_text(encoding="utf-8")


class Recording:
    """One of them; without a sentinel, all the same but for the heartbeats."""

    def __init__(self, name, sentinel=True):
        self.content = json.loads(_text(name))
        self.expected = self.content["expected"]
        self.given = self.content["given"]
        if not sentinel:
            self._forget_heartbeats()

    def _forget_heartbeats(self):
        for look in self.given["looks"].values():
            for sample in look.get("samples", ()):
                for one in (*sample["instances"].values(), sample["beat"]):
                    if one:
                        one["heartbeat"] = None

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

    def fleet(self):
        """What the rules ask of it."""
        params = self.given["params"]
        return Fleet(declared(params), self.judge()["evidence"], policy(params["policy"]))

    def rule(self):
        """The rule that decides, as file and name."""
        case = self.fleet().cases[self.nodes[0]]
        found = next(rule for rule in RULES if rule(case))
        return f"{found.__module__.rpartition('.')[2]}.{found.__name__}"
