# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report on a fleet: a dict (docs/report.schema.json), and lines for the terminal. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.policy import policy as complete
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import HEALTHY, VERDICTS

SCHEMA_VERSION = 1

# So many nodes with one and the same cause are told in one line.
MANY = 10

_NODE_KEYS = (
    "node",
    "host",
    "instance",
    "verdict",
    "reason",
    "activity",
    "since",
    "cause",
    "evidence",
    "action",
    "remedy",
    "runbook",
)
_SERVICE_KEYS = tuple(key for key in _NODE_KEYS if key not in ("node", "instance"))


def report(verdicts, evidence, policy=None):
    """Return the report, the worst nodes first."""
    policy = complete(policy)
    nodes = [{key: told[key] for key in _NODE_KEYS} for told in sorted(verdicts["nodes"], key=_worst_first)]
    told = {
        "schema_version": SCHEMA_VERSION,
        "app": verdicts["app"] or "",
        "taken_at": verdicts["taken_at"],
        "broker": verdicts["broker"],
        "nodes": nodes,
        "queues": {name: _queue(samples) for name, samples in sorted(evidence["queues"].items())},
        "findings": verdicts["findings"],
        "summary": dict(
            {verdict: sum(node["verdict"] == verdict for node in nodes) for verdict in reversed(VERDICTS)},
            nodes=len(nodes),
            findings=len(verdicts["findings"]),
        ),
    }
    for kind in ("beat", "flower"):
        told[kind] = {key: verdicts[kind][key] for key in _SERVICE_KEYS} if verdicts[kind] else None
    told["failed"] = failed(told, policy["fail_on"])
    return told


def failed(told, fail_on):
    """Return who makes the play fail: the nodes, and beat and Flower, whose verdict is in fail_on."""
    wrong = [node["node"] for node in told["nodes"] if node["verdict"] in fail_on]
    return wrong + [kind for kind in ("beat", "flower") if told[kind] and told[kind]["verdict"] in fail_on]


def _worst_first(told):
    return VERDICTS.index(told["verdict"]), told["host"], told["node"]


def _queue(samples):
    """The last numbers of a queue, with what it held over the samples and where that leads."""
    last = samples[-1]
    depths = [sample["ready"] for sample in samples]
    known = [depth for depth in depths if depth is not None]
    trend = None
    if len(known) >= 2:
        trend = "rises" if known[-1] > known[0] else "falls" if known[-1] < known[0] else "steady"
    return {
        "ready": last["ready"],
        "unacked": last["unacked"],
        "consumers": last["consumers"],
        "by_priority": last["by_priority"],
        "oldest_age": last["oldest_age"],
        "samples": depths,
        "trend": trend,
        "error": last["error"],
    }


# -- For the terminal


def lines(told):
    """Return one line for each node, service and finding that is not healthy, and a summary as the last."""
    found = []
    for group in _grouped([node for node in told["nodes"] if node["verdict"] != HEALTHY]):
        found.append(_line(_names(group), group[0]))
    for kind in ("beat", "flower"):
        if told[kind] and told[kind]["verdict"] != HEALTHY:
            found.append(_line("{0} on {1}".format(kind, told[kind]["host"]), told[kind]))
    found += ["finding {reason}: {cause} {remedy} ({runbook})".format(**finding) for finding in told["findings"]]
    return [*found, summary(told)]


def summary(told):
    """Return the fleet in one line."""
    counts = ["{0} {1}".format(told["summary"][verdict], verdict) for verdict in VERDICTS if told["summary"][verdict]]
    parts = [", ".join(counts) or "no workers"]
    broker = told["broker"]
    state = {True: "answers", False: "does not answer", None: "was not asked"}[broker["reachable"]]
    parts.append("broker {0}".format("refuses" if broker["refusing"] else state))
    if told["findings"]:
        parts.append("{0} finding{1}".format(len(told["findings"]), "s" if len(told["findings"]) > 1 else ""))
    return "{0}: {1}".format(told["app"] or "fleet", "; ".join(parts))


def _grouped(nodes):
    """Nodes with one and the same reason and cause together, if they are many."""
    groups = {}
    for node in nodes:
        groups.setdefault((node["verdict"], node["reason"], node["cause"]), []).append(node)
    for group in groups.values():
        yield from [group] if len(group) > MANY else [[node] for node in group]


def _names(group):
    names = [node["node"] for node in group]
    return names[0] if len(names) == 1 else "{0} nodes ({1}, {2}, ...)".format(len(names), *names[:2])


def _line(who, told):
    action = "" if told["action"] == "none" else " [{0}]".format(told["action"])
    parts = [part for part in (told["cause"], told["remedy"]) if part]
    return "{0}: {1}/{2}{3}: {4} ({5})".format(
        who, told["verdict"], told["reason"], action, " ".join(parts), told["runbook"]
    )
