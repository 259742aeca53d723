# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Knows of each control command what a worker's state is before, what it has to be after, and what speaks against it.

Pure: replies in, states and refusals out. Private to the collection.
"""

from __future__ import annotations

import re
from functools import partial

from ansible_collections.taskfleet.celery.plugins.module_utils._common.pools import pool_of
from ansible_collections.taskfleet.celery.plugins.module_utils._common.replies import normal, setting

STATS = ["stats", {}]


class Refused(Exception):
    """A command that this worker cannot carry out, and what would have to be set."""

    def __init__(self, message, remedy):
        super().__init__(message)
        self.remedy = remedy


class Command:
    """A control command with its arguments."""

    # What is asked before and after.
    asks = ()

    def __init__(self, arguments):
        self.arguments = arguments

    def state(self, replies):
        """Return what the command is about, out of a worker's replies by method."""
        raise NotImplementedError

    def check(self, replies):
        """Raise Refused when the worker cannot carry it out."""

    def wanted(self, before):
        """Return the state that it has to be."""
        raise NotImplementedError

    def reached(self, before, after):
        """Tell whether the state is as it has to be."""
        return after == self.wanted(before)

    def message(self, before):
        """Return the control command that leads there, with its parameters."""
        raise NotImplementedError


def pool_kind(stats):
    """Return a worker's pool: prefork, solo, threads, gevent, eventlet or the module of one of the application's own."""
    return pool_of((stats.get("pool") or {}).get("implementation")) or "unknown"


def release(report):
    """Return the release of Celery that a worker's report tells."""
    found = re.search(r"celery:(\d+)\.(\d+)", report)
    return tuple(map(int, found.groups())) if found else (0, 0)


# -- The pool


# Pools that cannot be resized, and what to do instead.
FIXED = {
    "solo": "start the worker with another pool, in celery_worker_instances: pool",
    "threads": "start the worker with another concurrency, in celery_worker_instances: concurrency",
}


class Resize(Command):
    """Grow or shrink a pool to a number of slots."""

    asks = (STATS, ["report", {}])

    def state(self, replies):
        pool = replies["stats"]["pool"]
        # Celery keeps telling the number that a prefork pool was started with.
        size = len(pool["processes"]) if pool_kind(replies["stats"]) == "prefork" else pool.get("max_concurrency")
        return {"concurrency": size}

    def check(self, replies):
        kind = pool_kind(replies["stats"])
        if replies["stats"].get("autoscaler"):
            raise Refused("its pool is sized by the autoscaler", "use the command autoscale")
        if kind in FIXED:
            raise Refused("the {0} pool keeps its size".format(kind), FIXED[kind])
        if kind == "gevent" and release(replies["report"]) < (5, 7):
            raise Refused(
                "before Celery 5.7 a gevent pool does not tell its size", "restart with another --concurrency"
            )

    def difference(self, before):
        raise NotImplementedError

    def wanted(self, before):
        return {"concurrency": before["concurrency"] + self.difference(before)}


class PoolGrow(Resize):
    def difference(self, before):
        return max(self.arguments["concurrency"] - before["concurrency"], 0)

    def message(self, before):
        return ["pool_grow", {"n": self.difference(before)}]


class PoolShrink(Resize):
    def difference(self, before):
        return min(self.arguments["concurrency"] - before["concurrency"], 0)

    def message(self, before):
        return ["pool_shrink", {"n": -self.difference(before)}]


class PoolRestart(Command):
    """Replace the pool's processes. What was asked for has happened when none of the old ones is left."""

    asks = (STATS, ["conf", {"with_defaults": False}])

    def state(self, replies):
        return {"processes": sorted(replies["stats"]["pool"]["processes"])}

    def check(self, replies):
        kind = pool_kind(replies["stats"])
        if kind != "prefork":
            raise Refused("the {0} pool has no processes to replace".format(kind), "restart the worker")
        if not setting(replies["conf"], "worker_pool_restarts"):
            raise Refused("worker_pool_restarts is off", "set worker_pool_restarts: true in celery_worker_settings")

    def wanted(self, before):
        return {"processes": []}

    def reached(self, before, after):
        return bool(after["processes"]) and not set(before["processes"]) & set(after["processes"])

    def message(self, before):
        return ["pool_restart", {}]


class Autoscale(Command):
    """Move the limits of the autoscaler."""

    asks = (STATS,)

    def state(self, replies):
        scaler = replies["stats"].get("autoscaler") or {}
        return {"minimum": scaler.get("min"), "maximum": scaler.get("max")}

    def check(self, replies):
        if not replies["stats"].get("autoscaler"):
            raise Refused(
                "it runs without an autoscaler",
                "start it with --autoscale, in celery_worker_instances: autoscale",
            )
        wanted = self.wanted(self.state(replies))
        if wanted["minimum"] > wanted["maximum"]:
            raise Refused(
                "minimum {minimum} would be above maximum {maximum}".format(**wanted), "give both minimum and maximum"
            )

    def wanted(self, before):
        return {name: before[name] if self.arguments[name] is None else self.arguments[name] for name in before}

    def message(self, before):
        wanted = self.wanted(before)
        return ["autoscale", {"max": wanted["maximum"], "min": wanted["minimum"]}]


# -- The queues


class Consumers(Command):
    asks = (["active_queues", {}],)

    def state(self, replies):
        return {"queues": [queue["name"] for queue in replies["active_queues"]]}


class AddConsumer(Consumers):
    def wanted(self, before):
        return {"queues": sorted({*before["queues"], self.arguments["queue"]})}

    def reached(self, before, after):
        return self.arguments["queue"] in after["queues"]

    def message(self, before):
        names = ("queue", "exchange", "exchange_type", "routing_key")
        return ["add_consumer", {name: self.arguments[name] for name in names if self.arguments[name]}]


class CancelConsumer(Consumers):
    def wanted(self, before):
        return {"queues": [name for name in before["queues"] if name != self.arguments["queue"]]}

    def reached(self, before, after):
        return self.arguments["queue"] not in after["queues"]

    def message(self, before):
        return ["cancel_consumer", {"queue": self.arguments["queue"]}]


# -- One task's limits


def attributes(replies, task):
    """Return the attributes that a worker tells of a task, as texts, or None when it does not know the task."""
    for line in replies["registered"]:
        name, _space, rest = line.partition(" [")
        if name == task:
            return dict(pair.partition("=")[::2] for pair in rest.rstrip("]").split())
    return None


class Limits(Command):
    """A limit that belongs to one task."""

    def check(self, replies):
        if attributes(replies, self.arguments["task"]) is None:
            raise Refused(
                "it does not know the task {0}".format(self.arguments["task"]),
                "correct task, or add its module to the application's imports",
            )


class RateLimit(Limits):
    asks = (["registered", {"taskinfoitems": ["rate_limit"], "builtins": True}],)

    def state(self, replies):
        return {"rate": self.plain((attributes(replies, self.arguments["task"]) or {}).get("rate_limit"))}

    @staticmethod
    def plain(rate):
        """Return a rate as a text; no limit has several forms."""
        number, _slash, unit = (rate or "0").partition("/")
        return "{0:g}/{1}".format(float(number), unit or "s") if float(number) else "0"

    def wanted(self, before):
        return {"rate": self.plain(self.arguments["rate"])}

    def message(self, before):
        return ["rate_limit", {"task_name": self.arguments["task"], "rate_limit": self.arguments["rate"]}]


class TimeLimit(Limits):
    asks = (["registered", {"taskinfoitems": ["soft_time_limit", "time_limit"], "builtins": True}],)

    def state(self, replies):
        limits = attributes(replies, self.arguments["task"]) or {}
        return {
            "soft": float(limits["soft_time_limit"]) if "soft_time_limit" in limits else None,
            "hard": float(limits["time_limit"]) if "time_limit" in limits else None,
        }

    def wanted(self, before):
        return {"soft": self.arguments["soft"], "hard": self.arguments["hard"]}

    def message(self, before):
        return ["time_limit", dict(self.wanted(before), task_name=self.arguments["task"])]


# -- One task's run


class Revoke(Command):
    """Have tasks not run; with terminate have them stop."""

    def __init__(self, arguments):
        super().__init__(arguments)
        self.asks = [["revoked", {}]]
        if arguments["terminate"]:
            self.asks += [STATS, ["query_task", {"ids": arguments["task_ids"]}]]

    def state(self, replies):
        revoked = set(replies["revoked"])
        states = {"revoked": [name for name in self.arguments["task_ids"] if name in revoked]}
        if self.arguments["terminate"]:
            found = replies["query_task"]
            states["active"] = [
                name for name in self.arguments["task_ids"] if found.get(name, {}).get("state") == "active"
            ]
        return states

    def check(self, replies):
        kind = pool_kind(replies["stats"]) if self.arguments["terminate"] else None
        if kind in FIXED:
            raise Refused("the {0} pool cannot stop a task".format(kind), "leave terminate out")

    def wanted(self, before):
        return dict({key: [] for key in before}, revoked=self.arguments["task_ids"])

    def message(self, before):
        parameters = {"task_id": self.arguments["task_ids"]}
        if self.arguments["terminate"]:
            parameters.update(terminate=True, signal=self.arguments["signal"])
        return ["revoke", parameters]


# -- The worker


class Shutdown(Command):
    """Have the worker finish its tasks and end. It does not reply to this; afterwards it does not reply to anything."""

    asks = (["ping", {}],)

    def state(self, replies):
        return {"answers": bool(replies.get("ping"))}

    def wanted(self, before):
        return {"answers": False}

    def message(self, before):
        return ["shutdown", {}]


def switched(reply):
    """Return whether a worker says that it has switched its events, None when it says nothing of the kind."""
    text = reply.get("ok") if isinstance(reply, dict) else None
    return None if not text else "already" not in text


class TaskEvents(Command):
    """Switch task events, whose state a worker tells only when it is switched."""

    def __init__(self, arguments, on):
        super().__init__(arguments)
        self.on = on

    def state(self, replies):
        return {"task_events": None}

    def wanted(self, before):
        return {"task_events": self.on}

    def message(self, before):
        return ["enable_events" if self.on else "disable_events", {}]

    def judge(self, reply, opposite=None):
        """Return verdict and states from what was said to the command, and to its opposite where that was tried."""
        was_on = switched(reply)
        if was_on is None:
            words = (
                "the worker says: {0}".format(reply["error"]) if isinstance(reply, dict) and "error" in reply else ""
            )
            return verdict(
                "failed" if words else "silent", words or "it did not answer", layer="ok" if words else "worker"
            )
        if not self.on and was_on is False and switched(opposite) is False:
            return dict(
                verdict(
                    "refused",
                    "it was started with --task-events, which remote control cannot switch off",
                    "start it without -E, --task-events and worker_send_task_events",
                ),
                before={"task_events": True},
                after={"task_events": True},
            )
        states = {"before": {"task_events": self.on is not was_on}, "after": {"task_events": self.on}}
        return dict(verdict("changed" if was_on else "unchanged"), **states)


COMMANDS = {
    "pool_restart": PoolRestart,
    "pool_grow": PoolGrow,
    "pool_shrink": PoolShrink,
    "autoscale": Autoscale,
    "add_consumer": AddConsumer,
    "cancel_consumer": CancelConsumer,
    "rate_limit": RateLimit,
    "time_limit": TimeLimit,
    "revoke": Revoke,
    "shutdown": Shutdown,
    "enable_events": partial(TaskEvents, on=True),
    "disable_events": partial(TaskEvents, on=False),
}


# -- What is said of a node


def verdict(status, message="", remedy="", layer="ok"):
    """Return what is said of a node beside its states."""
    return {"status": status, "layer": layer, "message": message, "remedy": remedy}


def by_node(replies):
    """Return replies of the form [method, node, reply] by node and method; the first of each counts."""
    nodes = {}
    for method, node, reply in replies:
        nodes.setdefault(node, {}).setdefault(method, reply)
    return nodes


def unfinished(planned):
    """Return what is said of a node while nothing has come of the command."""
    text = "it took the command, and is not as it should be within the timeout"
    return dict(verdict("unfinished", text), before=planned["before"], after=planned["before"])


def read(command, replies):
    """Return replies of one node in the form that the commands read, or raise ValueError with the worker's error."""
    states = {}
    for method, reply in replies.items():
        if isinstance(reply, dict) and set(reply) == {"error"}:
            raise ValueError("{0}: {1}".format(method, normal(method, reply)["error"]))
        # Here the attributes that a worker puts behind a task's name are what matters.
        states[method] = reply or [] if method == "registered" else normal(method, reply)
    return states


def plan(command, node_replies):
    """Return what is to be done to one node: its verdict, its state before, and the one it has to be."""
    asks = command.asks or (["ping", {}],)
    missing = [method for method, _parameters in asks if method not in node_replies]
    if missing and not node_replies:
        absent = isinstance(command, Shutdown)
        text = "it did not answer; it is not running, is busy with a solo pool, or its remote control is off"
        if absent:
            text = "nothing was sent: " + text
        state = {"answers": False} if absent else None
        return dict(verdict("absent" if absent else "silent", text, layer="worker"), before=state, after=state)
    if missing:
        text = "it did not answer to {0}".format(", ".join(missing))
        return dict(verdict("silent", text, layer="worker"), before=None, after=None)
    try:
        replies = read(command, node_replies)
    except ValueError as error:
        return dict(verdict("failed", str(error)), before=None, after=None)
    before = command.state(replies)
    try:
        command.check(replies)
    except Refused as refused:
        return dict(verdict("refused", str(refused), refused.remedy), before=before, after=before)
    wanted = command.wanted(before)
    if wanted == before:
        return dict(verdict("unchanged"), before=before, after=before)
    return dict(verdict("changed"), before=before, after=wanted)
