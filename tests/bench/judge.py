# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the cost of folding, judging, planning and reporting grows with the fleet. Made-up evidence, one in ten stuck.

Run with the environment's Python: .venv/bin/python tests/bench/judge.py
"""

from __future__ import annotations

import time

from ansible_collections.taskfleet.celery.plugins.module_utils._act.plan import plan
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.report import report
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.verdict import judge
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import ExampleFleet

ROUNDS = 3


def timed(call):
    """Return the best of some runs in milliseconds, and the last result."""
    best, result = None, None
    for _round in range(ROUNDS):
        begun = time.perf_counter()
        result = call()
        spent = (time.perf_counter() - begun) * 1000
        best = spent if best is None else min(best, spent)
    return best, result


def with_stuck(count):
    """Return a fleet of which one in ten is stuck."""
    fleet = ExampleFleet(count)
    for node in fleet.nodes[::10]:
        fleet.silent(node).beat_says(node=node, loop_age=(40.0, 45.0))
    return fleet


def compared(count):
    """Return a fleet in which each node is compared with all others: no client is known, and a rate limit holds tasks."""
    fleet = ExampleFleet(count, sentinel=False)
    for sample in fleet.broker:
        sample["result"]["clients"] = []
        sample["result"]["queues"]["default"].update(ready=count, unacked=count)
    for sample in fleet.control:
        for reply in sample["result"]["nodes"].values():
            reply["rate_limits"] = {"shop.add": "1/h"}
    return fleet


def measure(title, make):
    """Print the milliseconds of each step for three sizes of a fleet."""
    print(f"{title}\n{'nodes':>6} {'fold':>9} {'judge':>9} {'plan':>9} {'report':>9} {'all':>9} ms   stuck")
    for count in (10, 100, 1000):
        fleet = make(count)
        fold, evidence = timed(fleet.evidence)
        judging, verdicts = timed(lambda: judge(fleet.expected, evidence))  # noqa: B023
        planning, _plan = timed(lambda: plan(verdicts))  # noqa: B023
        reporting, health = timed(lambda: report(verdicts, evidence))  # noqa: B023
        spent = (fold, judging, planning, reporting)
        print(
            f"{count:>6} " + " ".join(f"{each:9.1f}" for each in (*spent, sum(spent))),
            f"     {health['summary']['stuck']}",
        )


def main():
    measure("one in ten is stuck", with_stuck)
    measure("each is compared with all others", compared)


if __name__ == "__main__":
    main()
