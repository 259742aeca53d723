# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""After a deployment: each worker answers, consumes its declared queues, and knows its declared tasks."""

from __future__ import annotations

from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import (
    Problem,
    listing,
    refuse,
)

FACTS: dict[str, Any] = {
    "instances": {"type": "list", "elements": "dict", "required": True},
    "host": {"type": "str", "required": True},
    "nodes": {"type": "dict", "required": True},
    "logs": {"type": "str", "required": True},
}


def check_deployed(facts: dict[str, Any]) -> list[Problem]:
    """Refuse what runs and is not what was declared."""
    problems = []
    for instance in facts["instances"]:
        node = f"{instance['name']}@{facts['host']}"
        hint = facts["logs"].replace("<instance>", instance["name"])
        reply = facts["nodes"].get(node)
        problems += _answered(node, instance, reply, hint) if reply else [_silent(node, hint)]
    return problems


def _silent(node: str, hint: str) -> Problem:
    return refuse(
        node,
        "does not answer inspect ping",
        "a pong",
        f"read why it does not start, or does not reach its broker: {hint}",
    )


def _answered(node: str, instance: dict[str, Any], reply: dict[str, Any], hint: str) -> list[Problem]:
    problems = []
    if "active_queues" in reply:
        queues = {queue["name"] for queue in reply["active_queues"] or []}
        if queues != set(instance["queues"]):
            problems.append(
                refuse(
                    node,
                    f"consumes {listing(sorted(queues))}",
                    f"the queues {listing(instance['queues'])}",
                    f"another process of this name may answer for it; compare pids, and read: {hint}",
                )
            )
    if "registered" in reply:
        known = {text.split(" ", 1)[0] for text in reply["registered"] or []}
        missing = sorted(set(instance.get("tasks") or []) - known)
        if missing:
            problems.append(
                refuse(
                    f"{node}: tasks",
                    f"{listing(missing)} not registered",
                    "every task of the instance's `tasks`",
                    "import their module in the application (`include`, autodiscover_tasks), or correct the names",
                )
            )
    return problems
