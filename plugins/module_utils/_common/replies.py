# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings the replies of workers into one form, whatever their version. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._common.packing import each_once
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import mask

METHODS = (
    "ping",
    "active",
    "reserved",
    "scheduled",
    "stats",
    "active_queues",
    "registered",
    "revoked",
    "conf",
    "report",
    "clock",
    "query_task",
)

TASK_TYPES = {
    "id": (str,),
    "name": (str,),
    "hostname": (str,),
    "time_start": (int, float),
    "acknowledged": (bool,),
    "worker_pid": (int,),
}
TASK_KEYS = tuple(TASK_TYPES)
BROKER_KEYS = ("transport", "hostname", "port", "virtual_host", "userid", "ssl", "heartbeat", "alternates")
CONTAINERS = (dict, list, tuple)
DELIVERY_KEYS = ("exchange", "routing_key", "priority", "redelivered")

# What is known of a broker that was not asked.
NOT_ASKED = {"url": None, "transport": None, "reachable": None, "layer": "unknown", "error": ""}


def broker_of(answer):
    """Return what a helper came to tell of the broker, with all its keys."""
    return dict(NOT_ASKED, **answer.get("broker", {}))


def setting(conf, name):
    """Return a setting from a worker's reply to conf, or None.

    The reply has the application's own spelling: with a namespace, as Django projects have, CELERY_WORKER_POOL_RESTARTS.
    """
    suffix = "_" + name.upper()
    spelled = [key for key in sorted(conf) if key.upper() == name.upper() or (key.isupper() and key.endswith(suffix))]
    # What was set at run time is spelled as Celery does, and wins.
    return conf[name if name in conf else spelled[0]] if spelled else None


def commands(methods, task_ids):
    """Return the control commands, each with its parameters, in the order in which they are sent."""
    parameters = {"active": {"safe": True}, "conf": {"with_defaults": False}, "query_task": {"ids": list(task_ids)}}
    return [[method, parameters.get(method, {})] for method in METHODS if method in methods]


def summary(replies, awaited, methods, pids=()):
    """Return nodes, silent, duplicates, duplicate_pids and unanswered from replies of the form [method, node, reply].

    The pids are those that the processes of suspected nodes answered with, as [node, pid].
    """
    processes = {}
    for node, pid in pids:
        processes.setdefault(node, set()).add(pid)
    nodes, duplicates = {}, set()
    form = each_once(normal)
    for method, node, reply in replies:
        if method in nodes.setdefault(node, {}):
            duplicates.add(node)
        else:
            nodes[node][method] = form(method, reply)
    unanswered = {
        node: [method for method in methods if method not in nodes[node]]
        for node in sorted(nodes)
        if not set(methods) <= set(nodes[node])
    }
    return {
        "nodes": {node: nodes[node] for node in sorted(nodes)},
        "silent": sorted(set(awaited) - set(nodes)),
        "duplicates": sorted(duplicates | {node for node, found in processes.items() if len(found) > 1}),
        "duplicate_pids": {node: sorted(found) for node, found in sorted(processes.items()) if len(found) > 1},
        "unanswered": unanswered,
    }


def normal(method, reply):
    """Return a reply in the form that the documentation of celery_inspect_info tells.

    Anybody can write to the broker: what no worker would answer is an error of its sender, and of nobody else.
    """
    if isinstance(reply, dict) and set(reply) == {"error"}:
        return {"error": mask(str(reply["error"]))}
    try:
        return FORMS[method](reply)
    except (AttributeError, KeyError, TypeError, ValueError):
        return {"error": "what it answers to {0} is no reply of a worker".format(method)}


def of_type(value, *types):
    """Return the value, which may be None.

    :raises TypeError: it is of another type.
    """
    if value is not None and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
        raise TypeError("{0!r} is none of {1}".format(value, types))
    return value


def snake(value):
    """Return a dict or a list whose keys are snake_case. Of a thousand workers, the calls are what costs."""
    if isinstance(value, dict):
        return {
            str(key).replace("-", "_"): snake(item) if isinstance(item, CONTAINERS) else item
            for key, item in value.items()
        }
    return [snake(item) if isinstance(item, CONTAINERS) else item for item in value]


def task(info):
    """Return what is known of a task without its arguments, which may be large, or secret."""
    task = {key: of_type(info.get(key), *TASK_TYPES[key]) for key in TASK_KEYS}
    delivery = info.get("delivery_info") or {}
    task["delivery_info"] = {key: delivery.get(key) for key in DELIVERY_KEYS}
    return task


def tasks(reply):
    """Return tasks, the oldest first; one that has not begun comes last."""
    return sorted(
        map(task, reply or ()), key=lambda info: (info["time_start"] is None, info["time_start"] or 0, info["id"] or "")
    )


def scheduled(reply):
    """Return tasks that wait for their time, the next first."""
    entries = [
        {
            "eta": of_type(entry.get("eta"), str),
            "priority": entry.get("priority"),
            "request": task(entry.get("request") or {}),
        }
        for entry in reply or ()
    ]
    return sorted(entries, key=lambda entry: (entry["eta"] or "", entry["request"]["id"] or ""))


def stats(reply):
    """Return a worker's statistics; total keeps the names of the tasks as they are.

    Sixteen numbers of the kernel are left out, which celery_host_info has for each process, and of the connection to the
    broker what conf has.
    """
    stats = mask(snake({key: value for key, value in reply.items() if key not in ("broker", "total", "rusage")}))
    if isinstance(reply.get("broker"), dict):
        stats["broker"] = mask({key: reply["broker"].get(key) for key in BROKER_KEYS})
    stats["total"] = {str(name): of_type(count, int) or 0 for name, count in (reply.get("total") or {}).items()}
    for key in ("pid", "prefetch_count"):
        of_type(stats.get(key), int)
    pool = of_type(stats.get("pool"), dict)
    if pool is not None:
        # The threads and gevent pools name their slots, where prefork has process ids.
        pool["processes"] = of_type(pool.get("processes"), list) or []
        of_type(pool.get("max_concurrency"), int)
        of_type(pool.get("implementation"), str)
    return stats


def queue(info):
    """Return what is known of a queue that a worker consumes."""
    exchange = info.get("exchange") or {}
    arguments = info.get("queue_arguments") or {}
    return {
        "name": of_type(info["name"], str),
        "exchange": exchange.get("name", ""),
        "exchange_type": exchange.get("type", ""),
        "routing_key": info.get("routing_key"),
        "alias": of_type(info.get("alias"), str),
        "durable": info.get("durable"),
        "exclusive": info.get("exclusive"),
        "auto_delete": info.get("auto_delete"),
        "no_ack": info.get("no_ack"),
        "max_priority": info.get("max_priority") or arguments.get("x-max-priority"),
    }


def queues(reply):
    """Return the queues that a worker consumes, by name."""
    return sorted(map(queue, reply or ()), key=lambda entry: entry["name"] or "")


def registered(reply):
    """Return the names of the registered tasks, without the attributes that a worker puts behind them."""
    return sorted(name.partition(" [")[0] for name in reply or ())


def queried(reply):
    """Return state and task of each task that a worker knows."""
    return {key: {"state": found[0], "request": task(found[1])} for key, found in sorted((reply or {}).items())}


FORMS = {
    "ping": lambda reply: reply.get("ok") if isinstance(reply, dict) else reply,
    "active": tasks,
    "reserved": tasks,
    "scheduled": scheduled,
    "stats": stats,
    "active_queues": queues,
    "registered": registered,
    "revoked": lambda reply: sorted(reply or ()),
    "conf": lambda reply: mask(of_type(reply, dict) or {}),
    "report": lambda reply: mask(reply.get("ok", "") if isinstance(reply, dict) else str(reply)),
    "clock": lambda reply: reply.get("clock") if isinstance(reply, dict) else reply,
    "query_task": queried,
}
