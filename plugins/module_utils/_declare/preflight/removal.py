# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Preflight: a deployment does not remove most of the workers of a host by accident."""

from __future__ import annotations

from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import (
    Problem,
    listing,
    refuse,
)

ALLOW = "celery_worker_allow_removal"
EMPTY = "an empty list, on a host of the group celery_workers"

FACTS: dict[str, Any] = {
    "variable": {"type": "str", "default": "celery_worker_instances"},
    "app": {"type": "str", "required": True},
    "declared": {"type": "list", "elements": "str", "required": True},
    "processes": {"type": "list", "elements": "dict", "default": []},
    "is_allowed": {"type": "bool", "default": False},
}


def check_removal(facts: dict[str, Any]) -> list[Problem]:
    """A list of instances is not empty, and leaves at least half of the workers that run on the host."""
    if facts["is_allowed"]:
        return []
    running = sorted({process["node"] for process in facts["processes"] if _is_worker_of(facts["app"], process)})
    gone = [node for node in running if node not in facts["declared"]]
    if facts["declared"] and 2 * len(gone) <= len(running):
        return []
    actual = listing(facts["declared"]) if facts["declared"] else EMPTY
    if gone:
        actual += f", while {listing(running)} run: {listing(gone)} would be removed"
    return [
        refuse(
            facts["variable"],
            actual,
            "instances that leave at least half of the workers that run on the host",
            f"correct the list or its name, take the host out of celery_workers, or set {ALLOW}: true if they shall go",
        )
    ]


def _is_worker_of(app: str, process: dict[str, Any]) -> bool:
    """Return whether a process is the main one of a worker that the collection started for the application."""
    service = str(process.get("service") or "")
    return (
        process.get("role") == "main"
        and process.get("kind") == "worker"
        and service.startswith((f"{app}-worker@", f"{app}-worker-"))
    )
