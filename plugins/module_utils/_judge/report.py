# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report on a fleet: a dict (docs/report.schema.json), and lines for the terminal. Pure. Private to the collection."""

from __future__ import annotations

import json

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.policy import policy as complete
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.conclusion import failed, to_do
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import HEALTHY, VERDICTS

SCHEMA_VERSION = 1

# So many nodes with one and the same cause share a line.
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
    nodes = [{key: verdict[key] for key in _NODE_KEYS} for verdict in sorted(verdicts["nodes"], key=_worst_first)]
    result = {
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
        result[kind] = {key: verdicts[kind][key] for key in _SERVICE_KEYS} if verdicts[kind] else None
    result["failed"] = failed(result, policy["fail_on"])
    result["to_do"] = to_do(result)
    return result


def app_of(text):
    """Return the application that a file of a report directory is about; "" where it does not say, as one that was cut off."""
    try:
        kept = json.loads(text)
    except ValueError:
        return ""
    app = kept.get("app") if isinstance(kept, dict) else ""
    return app if isinstance(app, str) else ""


def _worst_first(verdict):
    return VERDICTS.index(verdict["verdict"]), verdict["host"], verdict["node"]


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


def lines(report):
    """Return one line for each node, service and finding that is not healthy, a summary, and what to do as the last."""
    found = []
    for group in _grouped([node for node in report["nodes"] if node["verdict"] != HEALTHY]):
        found.append(_line(_names(group), group[0]))
    for kind in ("beat", "flower"):
        if report[kind] and report[kind]["verdict"] != HEALTHY:
            found.append(_line("{0} on {1}".format(kind, report[kind]["host"]), report[kind]))
    found += [
        "finding {severity}/{reason}: {cause} {remedy} ({runbook})".format(**finding) for finding in report["findings"]
    ]
    return [*found, summary(report), report["to_do"]]


def summary(report):
    """Return the fleet in one line."""
    counts = [
        "{0} {1}".format(report["summary"][verdict], verdict) for verdict in VERDICTS if report["summary"][verdict]
    ]
    parts = [", ".join(counts) or "no workers"]
    broker = report["broker"]
    state = {True: "answers", False: "does not answer", None: "was not asked"}[broker["reachable"]]
    parts.append("broker {0}".format("refuses" if broker["refusing"] else state))
    if report["findings"]:
        parts.append("{0} finding{1}".format(len(report["findings"]), "s" if len(report["findings"]) > 1 else ""))
    return "{0}: {1}".format(report["app"] or "fleet", "; ".join(parts))


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


def _line(who, verdict):
    action = "" if verdict["action"] == "none" else " [{0}]".format(verdict["action"])
    parts = [part for part in (verdict["cause"], verdict["remedy"]) if part]
    return "{0}: {1}/{2}{3}: {4} ({5})".format(
        who, verdict["verdict"], verdict["reason"], action, " ".join(parts), verdict["runbook"]
    )
