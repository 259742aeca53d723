# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings pools to a size: which commands that takes, and what came of them. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._common.pools import SCALABLE


def scale_steps(declared, wanted=None):
    """Return the commands that bring the started instances of a host to a size: ``[{node, command, size}]``.

    :param list declared: the instances of the host.
    :param dict wanted: by instance ``{concurrency: n}`` or ``{minimum: n, maximum: n}``; what is declared where it is None.

    To grow does nothing to a pool that is too large, and to shrink nothing to one that is too small.
    """
    steps = []
    for one in declared:
        size = _declared_size(one) if wanted is None else wanted.get(one["name"])
        if size and one["state"] == "started":
            commands = ("pool_grow", "pool_shrink") if "concurrency" in size else ("autoscale",)
            steps += [{"node": one["node"], "command": command, "size": size} for command in commands]
    return steps


def _declared_size(one):
    if one["pool"] not in SCALABLE:
        return None
    if one["autoscale"]:
        most, least = one["autoscale"]
        return {"maximum": most, "minimum": least}
    return {"concurrency": one["concurrency"]} if one["concurrency"] else None


def scale_report(results):
    """Return by node ``{status, message, remedy, before, after}``, from the results of celery_control."""
    report = {}
    for result in results:
        node = result["item"]["node"]
        outcome = (result.get("nodes") or {}).get(node) or {"status": "unknown", "message": result.get("msg") or ""}
        if node not in report or outcome["status"] != "unchanged":
            report[node] = {
                "status": outcome["status"],
                "message": outcome["message"],
                "remedy": outcome.get("remedy") or "",
                "before": (result.get("before") or {}).get(node),
                "after": (result.get("after") or {}).get(node),
            }
    return report


def scale_problems(report):
    """Return a sentence for each node that is not as it should be."""
    return [
        "{0}: {status}, {message}{1}".format(
            node, " ({0})".format(outcome["remedy"]) if outcome["remedy"] else "", **outcome
        )
        for node, outcome in report.items()
        if outcome["status"] not in ("changed", "unchanged")
    ]
