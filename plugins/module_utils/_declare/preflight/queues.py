# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Preflight: every queue that the application names is consumed by somebody."""

from __future__ import annotations

from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import (
    Problem,
    listing,
    refuse,
    warn,
)

FACTS: dict[str, Any] = {
    "variable": {"type": "str", "default": "celery_worker_instances"},
    "app_queues": {"type": "list", "elements": "str", "required": True},
    "consumed": {"type": "list", "elements": "str", "required": True},
    "instances": {"type": "list", "elements": "dict", "default": []},
    "task_queues": {"type": "list", "elements": "str", "default": []},
    "create_missing": {"type": "bool", "default": True},
}


def check_queues(facts: dict[str, Any]) -> list[Problem]:
    """Warn about work that would wait for ever, refuse a queue that Celery would refuse."""
    return _nobody_consumes(facts) + _not_declared(facts)


def _nobody_consumes(facts: dict[str, Any]) -> list[Problem]:
    """Each queue that the application names is consumed by an instance."""
    consumed = set(facts["consumed"]).union(*(instance.get("queues") or [] for instance in facts["instances"]))
    alone = sorted(set(facts["app_queues"]) - consumed)
    if not alone:
        return []
    return [
        warn(
            facts["variable"],
            f"the application names {'the queue' if len(alone) == 1 else 'the queues'} {listing(alone)},"
            f" the inventory consumes {listing(sorted(consumed))}",
            "each queue that the application names in the queues of an instance: else its tasks wait for ever",
            f"add {listing(alone)} to the queues of an instance of {facts['variable']}",
            "https://docs.celeryq.dev/en/stable/userguide/routing.html",
        )
    ]


def _not_declared(facts: dict[str, Any]) -> list[Problem]:
    """An application that creates no queues declares those that the instances consume."""
    if facts["create_missing"]:
        return []
    declared = set(facts["task_queues"]) or set(facts["app_queues"])
    problems = []
    for instance in facts["instances"]:
        unknown = sorted(set(instance.get("queues") or []) - declared)
        if unknown:
            problems.append(
                refuse(
                    f"{facts['variable']}[{instance.get('name')}].queues",
                    listing(unknown),
                    f"one of the application's task_queues ({listing(sorted(declared))}),"
                    " because its task_create_missing_queues is false",
                    "correct the name, or declare the queue in the application's task_queues",
                    "https://docs.celeryq.dev/en/stable/userguide/configuration.html#task-create-missing-queues",
                )
            )
    return problems
