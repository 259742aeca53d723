# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans what to do about verdicts, with brakes. Pure: the plan is data, and whoever carries it out obeys it.

Private to the collection.
"""

from __future__ import annotations

from math import floor

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.policy import policy as complete
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import (
    NONE,
    START,
    START_IF_PROVEN,
    STUCK,
    VERDICTS,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.rules.service import MEMORY_LIMIT, STATE


def plan(verdicts, policy=None, last_restarts=None, now=None, proofs=None):
    """Return ``{batches, left_alone, hold, proofs, instructions}``.

    ``verdicts`` is what judging returned. ``last_restarts`` has by node when it was last restarted by a plan, and ``now``
    the present, both in seconds since the epoch; both are needed for the cooldown, so a missing ``now`` lets no node
    that was ever restarted be touched. ``proofs`` has by node, of those that ``to_prove`` names, what still fails, or an
    empty text.

    A batch is a list of steps ``{node, host, instance, action, verdict, reason}``. Its nodes may be restarted together,
    as long as one at a time would also do; the next batch begins when all of it are verified.
    """
    policy, proofs = complete(policy), proofs or {}
    chosen, left_alone = [], []
    for verdict, why in _brakes(verdicts, policy, last_restarts or {}, now):
        why = why or _unproven(verdict, proofs)
        if why:
            left_alone.append({"node": verdict["node"], "why": why})
        else:
            chosen.append(_step(verdict))
    declared = [verdict for verdict in verdicts["nodes"] if verdict["reason"] != "unexpected_node"]
    size = batch_size(len(declared), policy["heal_max_fraction"])
    return {
        "batches": [chosen[start : start + size] for start in range(0, len(chosen), size)],
        "left_alone": sorted(left_alone, key=lambda entry: entry["node"]),
        "hold": hold_of(verdicts["broker"]),
        "proofs": proofs,
        "instructions": {
            "max_per_batch": size,
            "stop_after_failed_verification": True,
            "cooldown": policy["heal_cooldown"],
        },
    }


def to_prove(verdicts, policy=None, last_restarts=None, now=None):
    """Return ``[{node, host, instance}]`` of those that are started only if the proof on their host passes."""
    return [
        {key: verdict[key] for key in ("node", "host", "instance")}
        for verdict, why in _brakes(verdicts, complete(policy), last_restarts or {}, now)
        if verdict["action"] == START_IF_PROVEN and not why
    ]


def _brakes(verdicts, policy, last_restarts, now):
    """Yield each verdict, in the order of the plan, with why its node is left alone, or an empty text."""
    hold = hold_of(verdicts["broker"])
    full = {
        finding["subject"]: finding["cause"] for finding in verdicts["findings"] if finding["reason"] == "disk_full"
    }
    for verdict in sorted(verdicts["nodes"], key=_order):
        yield verdict, _why_not(verdict, policy, hold, full, last_restarts, now)


def _unproven(verdict, proofs):
    """Why a node is not started whose cause may not be gone, or an empty text."""
    if verdict["action"] != START_IF_PROVEN:
        return ""
    problem = proofs.get(verdict["node"], "it was not run")
    return "the proof on {0} fails: {1}".format(verdict["host"], problem) if problem else ""


def batch_size(nodes, fraction):
    """Return how many nodes a batch may have: the fraction, rounded down, and at least one."""
    return max(1, floor(nodes * fraction))


def hold_of(broker):
    """Why nobody is touched, or an empty text."""
    if broker["refusing"]:
        return "the broker refuses: {0}".format(broker["error"])
    if broker["reachable"] is False:
        return "the broker does not answer: {0}".format(broker["error"] or "no reason given")
    if broker["reachable"] is None:
        return "nobody knows whether the broker answers"
    return ""


def _order(verdict):
    """The worst first, and by name; last those that may fail again, for the first failure ends the run."""
    return VERDICTS.index(verdict["verdict"]), verdict["action"] == START_IF_PROVEN, verdict["node"]


def _why_not(verdict, policy, hold, full, last_restarts, now):
    """Why a node is left alone, or an empty text."""
    if verdict["action"] == NONE:
        return "{0}/{1}: {2}".format(verdict["verdict"], verdict["reason"], verdict["remedy"] or "nothing to fix.")
    if verdict["verdict"] not in policy["heal_verdicts"]:
        return "{0} is not among the verdicts to heal ({1})".format(
            verdict["verdict"], ", ".join(policy["heal_verdicts"])
        )
    if hold:
        return hold
    if verdict["host"] in full:
        return "a restart does not help while the disk is full: {0}".format(full[verdict["host"]])
    if verdict["action"] == START_IF_PROVEN:
        return _no_proof_helps(verdict) or _cooling(verdict["node"], policy["heal_cooldown"], last_restarts, now)
    if verdict["verdict"] == STUCK and not verdict["evidence"]["decided_by"]:
        return "its verdict cites no evidence"
    return _cooling(verdict["node"], policy["heal_cooldown"], last_restarts, now)


def _no_proof_helps(verdict):
    """Why a worker that does not start is left alone, whatever its proof says, or an empty text."""
    cited = {one["item"]: one["readings"][-1] for one in verdict["evidence"]["decided_by"]}
    if MEMORY_LIMIT in cited:
        return "it was killed with a limit of memory of {0} MiB, which no proof meets: raise memory_max, and deploy".format(
            cited[MEMORY_LIMIT] >> 20
        )
    if cited.get(STATE) != "failed":
        return "the service manager still starts it again and again by itself"
    return ""


def _cooling(node, cooldown, last_restarts, now):
    last = last_restarts.get(node)
    if last is None:
        return ""
    if now is None:
        return "it was restarted before, and the time is not known"
    passed = now - last
    if passed >= cooldown:
        return ""
    return "it was restarted {0} s ago, and the cooldown is {1} s".format(max(int(passed), 0), cooldown)


def _step(verdict):
    step = {key: verdict[key] for key in ("node", "host", "instance", "action", "verdict", "reason", "cause")}
    return dict(step, action=START) if step["action"] == START_IF_PROVEN else step
