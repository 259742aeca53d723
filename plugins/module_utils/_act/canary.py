# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What came of the tasks that the playbook canary sends. Pure. Private to the collection."""

from __future__ import annotations


def canary_report(queues, nodes, task, check_mode=False):
    """Return ``{task, queues, nodes, stuck}``: by queue and by node what came of its canary, and the names that have a problem.

    :param list queues: results of celery_task_run, one for each queue, which is their ``item``.
    :param list nodes: results for each node, likewise.
    :param bool check_mode: whether nothing was sent, so that nothing could succeed.
    """
    report = {
        "queues": {one["item"]: _outcome(one) for one in queues},
        "nodes": {one["item"]: _outcome(one) for one in nodes},
    }
    results = dict(report["queues"], **report["nodes"])
    stuck = [name for name, one in results.items() if one["reason"] or not (check_mode or one["state"] == "SUCCESS")]
    return dict(report, task=task, stuck=stuck)


def _outcome(result):
    return {
        "state": result.get("state") or "UNKNOWN",
        "reason": result.get("reason", "probe_failed"),
        "message": result.get("message") or result.get("msg") or "",
        "waited": result.get("waited"),
        "node": result.get("node"),
    }


def canary_problems(report):
    """Return a sentence for each queue and node whose canary did not come back."""
    results = dict(report["queues"], **report["nodes"])
    return ["{0}: {state} {reason} {message}".format(name, **results[name]) for name in report["stuck"]]
