# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Preflight: settings of the application, and of its tasks, with which a fleet works until one day it does not.

Each is a warning: only who wrote the application knows whether that day comes.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._common.pools import GREENLETS
from ansible_collections.taskfleet.celery.plugins.module_utils._common.values import number
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import (
    Problem,
    is_amqp,
    is_redis,
    some_of,
    warn,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.timeouts import VISIBILITY_TIMEOUT

# A broker ends a connection that was silent for so many heartbeats.
SILENT_HEARTBEATS = 2
IN_ONE_PROCESS = ("solo", *GREENLETS)
# These releases leave entries out of the schedule by their hour, until beat is started again.
LEAVES_ENTRIES_OUT = ("2.8.0", "2.8.1")

DOCS = "https://docs.celeryq.dev/en/stable/"
VISIBILITY = DOCS + "getting-started/backends-and-brokers/redis.html#visibility-timeout"
RESULT_EXPIRES = DOCS + "userguide/configuration.html#result-expires"
HEARTBEATS = "https://www.rabbitmq.com/docs/heartbeats"
CLOCK_CHANGES = "https://github.com/celery/celery/issues/9653"
ENTRIES_LEFT_OUT = "https://github.com/celery/django-celery-beat/issues/894"

FACTS: dict[str, Any] = {
    "info": {"type": "dict", "required": True},
    "instances": {"type": "list", "elements": "dict", "default": []},
}


def check_app_settings(facts: dict[str, Any]) -> list[Problem]:
    """Warn of what costs tasks, connections, memory or entries of the schedule later on."""
    info, instances = facts["info"], facts["instances"]
    return [
        *_tasks_and_redis(info),
        *_tasks_and_stop(info, instances),
        *_blocked_heartbeats(info, instances),
        *_results(info),
        *_clock_changes(info),
        *_entries_left_out(info),
    ]


def _own_limits(info: dict[str, Any]) -> dict[str, float]:
    """The tasks with limits of their own, which count before those of the application: {name: seconds they may run}."""
    found = {}
    for name, limits in (info.get("task_limits") or {}).items():
        seconds = number(limits.get("hard")) or number(limits.get("soft"))
        if seconds:
            found[name] = seconds
    return found


def _above(info: dict[str, Any], seconds: float) -> str:
    """The tasks whose own limit is above so many seconds, in words; empty for none."""
    names = [f"{name} ({own:g} s)" for name, own in _own_limits(info).items() if own > seconds]
    return some_of(names) if names else ""


def _tasks_and_redis(info: dict[str, Any]) -> list[Problem]:
    """On Redis, a task's own `time_limit` is not above `visibility_timeout`."""
    visibility = number((info.get("conf") or {}).get("visibility_timeout")) or VISIBILITY_TIMEOUT
    names = _above(info, visibility)
    if not names or not is_redis((info.get("broker") or {}).get("url")):
        return []
    return [
        warn(
            "celery_app_visibility_timeout",
            f"tasks with a time_limit of their own above the application's visibility_timeout of {visibility:g} s: {names}",
            "visibility_timeout above the longest of them: later, Redis gives the running task to a second worker as well",
            "raise visibility_timeout in the application's broker_transport_options and celery_app_visibility_timeout, or"
            " lower time_limit of these tasks",
            VISIBILITY,
        )
    ]


def _tasks_and_stop(info: dict[str, Any], instances: list[dict[str, Any]]) -> list[Problem]:
    """A task's own `time_limit` is not above the time that a worker has to stop."""
    stops = [number(one["limits"].get("stop")) for one in instances]
    # Which worker gets a task, only its queue says: those that no worker waits for are certain.
    longest = max((stop for stop in stops if stop), default=None)
    names = _above(info, longest) if longest else ""
    if not names:
        return []
    return [
        warn(
            "celery_app_timeouts.stop",
            f"tasks with a time_limit of their own above the {longest:g} s that a worker has to stop: {names}",
            "a stop that waits for the longest task: at each deployment and restart these are killed while they run, and"
            " lost unless they have acks_late",
            "give the instance that runs them timeouts with a longer stop, or lower time_limit of these tasks",
        )
    ]


def _blocked_heartbeats(info: dict[str, Any], instances: list[dict[str, Any]]) -> list[Problem]:
    """On RabbitMQ, a pool that runs tasks in the worker's own process has none longer than two heartbeats."""
    broker = info.get("broker") or {}
    own = number((info.get("conf") or {}).get("broker_heartbeat"))
    agreed = min((beat for beat in (own, number(broker.get("heartbeat"))) if beat), default=None)
    # Without heartbeats nothing is missed, and app_proof says so.
    if not is_amqp(broker.get("url")) or not own or not agreed:
        return []
    silence = SILENT_HEARTBEATS * agreed
    longest_task = max(_own_limits(info).values(), default=0)
    names = set()
    for instance in instances:
        longest = max(number(instance["limits"].get("hard")) or 0, longest_task)
        if instance["pool"] in IN_ONE_PROCESS and longest > silence:
            names.add(f"{instance['name']} ({instance['pool']}, {longest:g} s)")
    if not names:
        return []
    return [
        warn(
            "celery_worker_instances",
            f"pools that run tasks in the worker's own process, with tasks that may take longer than {SILENT_HEARTBEATS}"
            f" heartbeats of {agreed:g} s: {some_of(names)}",
            f"no task that holds the process for more than {silence:g} s: it answers no heartbeat meanwhile, RabbitMQ ends its"
            " connection and gives the task to another worker as well",
            "take the pool prefork or threads, or raise broker_heartbeat in the application and heartbeat in rabbitmq.conf"
            " (the smaller counts), or lower the limits of the instance",
            HEARTBEATS,
        )
    ]


def _results(info: dict[str, Any]) -> list[Problem]:
    """Results on Redis expire."""
    conf, backend = info.get("conf") or {}, info.get("result_backend") or {}
    if "result_expires" not in conf or conf["result_expires"] or conf.get("task_ignore_result"):
        return []
    if not is_redis(backend.get("url")):
        return []
    return [
        warn(
            "celery_app_result_backend",
            f"Redis, and the application sets result_expires to {conf['result_expires']}",
            "results that expire: Redis keeps each of them for ever, until it is out of memory",
            "take result_expires out of the application's settings (Celery's own is a day), or set seconds",
            RESULT_EXPIRES,
        )
    ]


def _clock_changes(info: dict[str, Any]) -> list[Problem]:
    """A schedule with crontab entries is in a timezone whose clock does not change."""
    conf = info.get("conf") or {}
    if not conf.get("daylight_saving") or not info.get("beat_crontabs"):
        return []
    return [
        warn(
            "celery_app_module",
            f"the application has {info['beat_crontabs']} crontab entries in the timezone {conf.get('timezone')}, whose clock"
            " changes twice a year",
            "entries that run when they should on these days too: Celery sends those of the day an hour late, twice or"
            " not at all",
            "set timezone to UTC in the application and the hours of the entries with it, or restart beat after each change"
            " of the clock",
            CLOCK_CHANGES,
        )
    ]


def _entries_left_out(info: dict[str, Any]) -> list[Problem]:
    """django-celery-beat is not one of the releases that leave entries of the schedule out."""
    version = (info.get("versions") or {}).get("django-celery-beat")
    if version not in LEAVES_ENTRIES_OUT:
        return []
    return [
        warn(
            "celery_app_packages",
            f"django-celery-beat {version}",
            "a release that sends all crontab entries: this one reads only those whose hour is near when beat starts, and the"
            " others are not sent until it is started again",
            f"ask for django-celery-beat!={',!='.join(LEAVES_ENTRIES_OUT)} in celery_app_packages",
            ENTRIES_LEFT_OUT,
        )
    ]
