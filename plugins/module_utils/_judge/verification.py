# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the workers that were just deployed work, by the verdicts on them. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import HEALTHY

# What a deployment can be the cause of. A clock that drifts, or a task that overruns its limit, was there before.
DEPLOYED = ("wrong_queues", "missing_tasks", "pool_respawning", "duplicate_name")


def unverified(report, expected):
    """Return a sentence for each expected node that does not work as it was declared."""
    declared = {node["node"]: node for node in expected}
    return [
        "{node} is {verdict}/{reason}: {cause} {remedy}".format(**verdict).strip()
        for verdict in report["nodes"]
        if verdict["node"] in declared and not _works(verdict, declared[verdict["node"]])
    ]


def _works(verdict, node):
    if verdict["reason"] == "draining":
        return bool(node.get("maintenance"))
    if verdict["verdict"] == "misconfigured":
        return verdict["reason"] not in DEPLOYED
    return verdict["verdict"] == HEALTHY
