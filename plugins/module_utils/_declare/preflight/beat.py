# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Preflight: exactly one beat for an application."""

from __future__ import annotations

import os
import re
from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.app import RESERVED_ENVIRONMENT
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.celery_command import command_problems
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import (
    Problem,
    environment_problems,
    is_redis,
    listing,
    refuse,
    scheme,
    url_problems,
    warn,
)

SCHEDULERS = ("persistent", "redbeat", "django")

# redbeat.schedulers.RedBeatScheduler: a lock lives five times max_interval, and each tick prolongs it.
LOCK_INTERVALS = 5
SHORT_LOCK = 30  # seconds for which a busy host may well hold up a process

TWO_BEATS = "https://github.com/celery/django-celery-beat/issues/229"

FACTS: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "schedule_file": {"type": "str", "default": ""},
    "scheduler": {"type": "str", "default": "persistent"},
    "broker_url": {"type": "str", "default": "", "no_log": True},
    "redbeat_redis_url": {"type": "str", "default": "", "no_log": True},
    "max_interval": {"type": "int", "default": 0},
    "strays": {"type": "list", "elements": "dict", "default": []},
    "environment": {"type": "raw", "default": {}, "no_log": True},
}


def check_beat(facts: dict[str, Any]) -> list[Problem]:
    """Refuse what would send a periodic task twice, or never."""
    return [
        *_hosts(facts),
        *_scheduler(facts),
        *url_problems("celery_beat_redbeat_redis_url", facts["redbeat_redis_url"]),
        *_lock(facts),
        *_strays(facts),
        *environment_problems("celery_beat_environment", facts["environment"], RESERVED_ENVIRONMENT),
        *command_problems("celery_beat_environment", facts["environment"]),
    ]


def _hosts(facts: dict[str, Any]) -> list[Problem]:
    """An application has exactly one host that runs beat."""
    hosts = sorted(set(facts["hosts"]))
    if len(hosts) == 1:
        return []
    return [
        refuse(
            "the hosts of the role celery_beat",
            f"{len(hosts)} hosts run beat for {facts['app']}: {listing(hosts)}",
            "exactly one host: each beat sends every periodic task",
            "keep one host for this application in the group celery_beat, and remove the service from the others",
            TWO_BEATS,
        )
    ]


def _scheduler(facts: dict[str, Any]) -> list[Problem]:
    """`celery_beat_scheduler` is a known one or a dotted path, and has the file or the Redis that it needs."""
    scheduler = facts["scheduler"]
    if scheduler not in SCHEDULERS and not re.match(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*[.:][A-Za-z_]\w*\Z", scheduler):
        return [
            refuse(
                "celery_beat_scheduler",
                repr(scheduler),
                f"{listing(SCHEDULERS)}, or the dotted path of a class",
                "choose one of them, for example persistent",
            )
        ]
    if scheduler == "persistent" and not os.path.isabs(facts["schedule_file"]):
        return [
            refuse(
                "celery_beat_schedule_file",
                repr(facts["schedule_file"]),
                "an absolute path, because celery_beat_scheduler is persistent",
                "leave the variable at its default, or name a file in a directory of the application's user",
            )
        ]
    own_url = facts["redbeat_redis_url"]
    url = own_url or facts["broker_url"]
    # redis-py has a scheme of its own for sockets, which redbeat hands on and kombu does not know.
    if scheduler == "redbeat" and url and (not is_redis(url) or scheme(url) == "redis+socket"):
        return [
            refuse(
                "celery_beat_scheduler",
                f"redbeat, with a {scheme(url) or 'nameless'} URL in"
                f" {'celery_beat_redbeat_redis_url' if own_url else 'celery_app_broker_url'}",
                "a redis, rediss or sentinel URL: redbeat keeps its schedule in Redis",
                "set celery_beat_redbeat_redis_url to a Redis, or choose the scheduler persistent",
            )
        ]
    return []


def _lock(facts: dict[str, Any]) -> list[Problem]:
    """The lock of redbeat outlives a busy moment of the host."""
    lives = LOCK_INTERVALS * facts["max_interval"]
    if facts["scheduler"] != "redbeat" or lives == 0 or lives >= SHORT_LOCK:
        return []
    return [
        warn(
            "celery_beat_max_interval",
            f"{facts['max_interval']} s: redbeat's lock lives {lives} s, unless the application sets redbeat_lock_timeout",
            f"a lock of {SHORT_LOCK} s or more: a beat that is held up for longer than that loses it and ends",
            f"set it to {SHORT_LOCK // LOCK_INTERVALS} or more, or redbeat_lock_timeout in the application",
        )
    ]


def _strays(facts: dict[str, Any]) -> list[Problem]:
    """No other beat of the application runs on the host, also none inside a worker."""
    problems = []
    for stray in facts["strays"]:
        embedded = "a worker with an embedded beat (-B)" if stray.get("embedded_beat") else "a beat"
        problems.append(
            refuse(
                f"process {stray.get('pid')}",
                f"{embedded} for {facts['app']} that this collection did not start,"
                f" user {stray.get('user')}: {stray.get('cmdline')}",
                "no other beat on this host: two beats send each periodic task twice",
                f"stop what starts it (systemctl status {stray.get('pid')} names its unit), then: kill -TERM {stray.get('pid')}",
                TWO_BEATS,
            )
        )
    return problems
