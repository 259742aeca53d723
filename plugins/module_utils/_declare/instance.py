# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory declares of one worker: an instance with typed values. Pure. Private to the collection.

This file alone knows what an instance has where it says nothing, and what nodes and services are called.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._common.values import boolean, integer
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.limits import limits_of
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.policy import HEALTH

# What an instance has where neither it nor celery_worker_defaults says anything. None is Celery's own default.
DEFAULTS = {
    "queues": (),
    "tasks": (),
    "pool": "prefork",
    "concurrency": None,
    "autoscale": None,
    "prefetch_multiplier": None,
    "max_tasks_per_child": None,
    "max_memory_per_child": None,
    "memory_max": "",
    "memory_high": "",
    "loglevel": "INFO",
    "without_gossip": True,
    "without_mingle": True,
    "without_heartbeat": False,
    "extra_args": (),
    "environment": (),
    "state": "started",
    "timeouts": None,
    "soft_shutdown_timeout": None,
    "start_grace": HEALTH["start_grace"],
    "maintenance": False,
    "remote_control": True,
}

NUMBERS = (
    "concurrency",
    "prefetch_multiplier",
    "max_tasks_per_child",
    "max_memory_per_child",
    "soft_shutdown_timeout",
    "start_grace",
)
SWITCHES = ("without_gossip", "without_mingle", "without_heartbeat", "maintenance", "remote_control")
LISTS = ("queues", "tasks", "extra_args")

# What judging takes of an instance, as the options of celery_fleet_health.
EXPECTED = {
    "node": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "instance": {"type": "str", "required": True},
    "service": {"type": "str"},
    "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
    "queues": {"type": "list", "elements": "str"},
    "tasks": {"type": "list", "elements": "str"},
    "pool": {"type": "str"},
    "concurrency": {"type": "int"},
    "autoscale": {"type": "list", "elements": "int"},
    "limits": {"type": "dict"},
    "start_grace": {"type": "int"},
    "maintenance": {"type": "bool", "default": False},
    "remote_control": {"type": "bool", "default": True},
}

# systemd and supervisor give up a start so many seconds after the judge calls it hung.
BEFORE_KILL = 60
# A deployment gives up waiting for it between these two: the service manager goes on.
BEFORE_REPORT = 30


def node_name(instance, host):
    """Return the name that a worker answers to: ``w1@host``."""
    return "{0}@{1}".format(instance, host)


def service_name(app, kind, instance="", manager="systemd"):
    """Return the name of a unit without its suffix, or of a program: ``shop-worker@w1``, ``shop-worker-w1``, ``shop-beat``."""
    separator = "@" if manager == "systemd" else "-"
    return separator.join(part for part in ("{0}-{1}".format(app, kind), instance) if part)


def start_timeout(start_grace):
    """Return the seconds after which the service manager gives up a start that may take ``start_grace`` seconds."""
    return start_grace + BEFORE_KILL


def start_wait(start_grace):
    """Return the seconds after which a deployment fails that waits for a start which may take ``start_grace`` seconds."""
    return start_grace + BEFORE_REPORT


def instances(declared, host, **context):
    """Return the instances of a host, from ``celery_worker_instances``; see ``instance``.

    What is no list of dicts is returned as it is: preflight says what is wrong with it.
    """
    if not isinstance(declared, (list, tuple)):
        return declared
    return [instance(one, host, **context) if isinstance(one, dict) else one for one in declared]


def instance(declared, host, app="", manager="systemd", defaults=None, limits="default", start_grace=None):
    """Return one instance with typed values, of every key of DEFAULTS, and its names.

    :param dict declared: an element of ``celery_worker_instances``.
    :param str host: the host's name in the inventory.
    :param str app: ``celery_app_name``.
    :param str manager: ``systemd`` or ``supervisor``.
    :param dict defaults: ``celery_worker_defaults``.
    :param limits: ``celery_app_timeouts``, or the seconds that it stands for.
    :param start_grace: seconds that a start may take where the instance says nothing.

    ``autoscale`` is [most, least] or None; ``environment`` has the names only, for values may be secret; ``limits`` are the
    seconds operation, soft, hard and stop, only stop where the application sets the others, and soft_shutdown where there
    is one. A value that is not of its type stays as it is: preflight says what is wrong with it.
    """
    values = dict(DEFAULTS)
    if _given(start_grace):
        values["start_grace"] = start_grace
    for source in (_dict(defaults), declared):
        values.update((key, value) for key, value in source.items() if _given(value))
    values = {key: _typed(key, value) for key, value in values.items()}
    name = str(declared.get("name") or "")
    return dict(
        values,
        name=name,
        instance=name,
        node=node_name(name, host),
        host=host,
        service=service_name(app, "worker", name, manager),
        limits=_limits(values, limits),
    )


def _limits(values, of_app):
    limits = limits_of(values["timeouts"], of_app)
    soft_shutdown = integer(values["soft_shutdown_timeout"])
    return dict(limits, soft_shutdown=soft_shutdown) if soft_shutdown else limits


def _given(value):
    """Whether a key says something. 0 and false do; None, an empty text and an empty list do not."""
    return value is not None and value not in ("", [], {}, ())


def _dict(defaults):
    """Return the defaults of instances. Of what is no dict, preflight says what is wrong with it."""
    return defaults if isinstance(defaults, dict) else {}


def _typed(key, value):
    if key in NUMBERS:
        number = integer(value)
        return value if number is None else number
    if key in SWITCHES:
        word = boolean(value)
        return value if word is None else word
    if key in LISTS:
        return list(value) if isinstance(value, (list, tuple)) else value
    if key == "environment":
        return sorted(value) if isinstance(value, dict) else value
    if key == "autoscale":
        bounds = autoscale_bounds(value) if _given(value) and value is not False else None
        return list(bounds) if bounds else value or None
    return value


def autoscale_bounds(value):
    """Return (most, least) of '10,3', of 10, of {max: 10, min: 3} or of [10, 3]. None if it is none of them.

    As Celery reads ``--autoscale``: without a second number, the pool may shrink to nothing (celery/bin/worker.py).
    """
    if isinstance(value, dict):
        if not set(value) <= {"max", "min"}:
            return None
        parts = [value.get("max"), value.get("min", 0)]
    else:
        parts = list(value) if isinstance(value, (list, tuple)) else str(value).split(",")
        parts += [0] if len(parts) == 1 else []
    bounds = tuple(integer(part) for part in parts)
    return bounds if len(bounds) == 2 and None not in bounds else None


def environments(declared, defaults=None):
    """Return by the name of each instance its environment, which may be secret."""
    return {
        str(one.get("name") or ""): one.get("environment") or _dict(defaults).get("environment") or {}
        for one in (declared if isinstance(declared, (list, tuple)) else ())
        if isinstance(one, dict)
    }


def expected(declared):
    """Return what judging takes of instances: no environment, and nothing of how they are started."""
    return [{key: one[key] for key in EXPECTED if one[key] is not None} for one in declared]
