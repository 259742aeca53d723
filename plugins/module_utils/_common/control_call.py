# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module celery_control takes, and what it returns. Private to the collection."""

from __future__ import annotations

import re

from ansible_collections.taskfleet.celery.plugins.module_utils._common.control import verdict
from ansible_collections.taskfleet.celery.plugins.module_utils._common.replies import broker_of

PARAMETERS = {
    "concurrency": {"type": "int"},
    "minimum": {"type": "int"},
    "maximum": {"type": "int"},
    "queue": {"type": "str"},
    "exchange": {"type": "str"},
    "exchange_type": {"type": "str"},
    # Its name only sounds like a secret.
    "routing_key": {"type": "str", "no_log": False},
    "task": {"type": "str"},
    "rate": {"type": "str"},
    "soft": {"type": "float"},
    "hard": {"type": "float"},
    "task_ids": {"type": "list", "elements": "str"},
    "terminate": {"type": "bool", "default": False},
    "signal": {"type": "str", "default": "SIGTERM"},
}
NEEDED = [
    ("command", "pool_grow", ("concurrency",)),
    ("command", "pool_shrink", ("concurrency",)),
    ("command", "autoscale", ("minimum", "maximum"), True),
    ("command", "add_consumer", ("queue",)),
    ("command", "cancel_consumer", ("queue",)),
    ("command", "rate_limit", ("task", "rate")),
    ("command", "time_limit", ("task",)),
    ("command", "revoke", ("task_ids",)),
]
GOOD = ("changed", "unchanged", "absent")


def mistake(params):
    """Return what is wrong with the arguments, or an empty text."""
    for name, least in (("concurrency", 1), ("minimum", 0), ("maximum", 1)):
        if params[name] is not None and params[name] < least:
            return "{0} is {1}; expected {2} or more".format(name, params[name], least)
    if params["rate"] is not None and not re.match(r"\d+(\.\d+)?(/[smh])?$", params["rate"]):
        return "rate is {0!r}; expected a number, or a number and /s, /m or /h, such as 10/m".format(params["rate"])
    if not params["destination"]:
        return "destination is empty; name the workers"
    if params["command"] == "revoke" and not params["task_ids"]:
        return "task_ids is empty; name the tasks"
    return ""


def complete(outcome, destination):
    """Return the result with all its keys, and what is wrong in one sentence."""
    answer = outcome.result or {}
    broker = broker_of(answer)
    problem = answer.get("problem") or outcome.message or broker["error"]
    layer = broker["layer"] if broker["layer"] != "ok" else "unknown"
    unknown = dict(verdict("unknown", problem, layer=layer), before=None, after=None)
    nodes = {node: dict(answer.get("nodes", {}).get(node, unknown)) for node in destination}
    states = {key: {node: nodes[node].pop(key) for node in nodes} for key in ("before", "after")}
    wrong = [describe(node, state) for node, state in nodes.items() if state["status"] not in GOOD]
    result = dict(
        states,
        nodes=nodes,
        broker=broker,
        changed=any(state["status"] == "changed" for state in nodes.values()),
        elapsed=round(outcome.elapsed, 2),
    )
    return result, "; ".join(wrong)


def describe(node, state):
    """Return what is wrong with one worker as a sentence."""
    return "{0}: {1}, {2}{3}".format(
        node, state["status"], state["message"], " ({0})".format(state["remedy"]) if state["remedy"] else ""
    )
