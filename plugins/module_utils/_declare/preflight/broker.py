# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Preflight: the broker can be run as declared, and has a password that its configuration file can hold."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._common.values import integer
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import (
    Problem,
    is_loopback,
    is_placeholder,
    listing,
    refuse,
    warn,
)

KINDS = ("redis", "rabbitmq")

SHORT = 16

# Characters that end or change a value in redis.conf, rabbitmq.conf or an environment file.
FORBIDDEN = (
    ("white space", r"\s"),
    ("quotes", r"[\"'`]"),
    ("backslashes", r"\\"),
    ("control characters", r"[\x00-\x08\x0e-\x1f\x7f]"),
    ("characters outside ASCII", r"[^\x00-\x7f]"),
)

ADDRESS = re.compile(r"[0-9.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*|[*]")
SIZE = re.compile(r"([1-9][0-9]*[kmg]b)?", re.IGNORECASE)

FACTS: dict[str, Any] = {
    "kind": {"type": "str", "required": True},
    "bind": {"type": "raw", "default": ["127.0.0.1"]},
    "port": {"type": "raw"},
    "password": {"type": "str", "default": "", "no_log": True},
    "maxmemory": {"type": "str", "default": ""},
    "maxmemory_policy": {"type": "str", "default": "noeviction"},
    "scope": {"type": "str", "choices": ["system", "user"], "default": "system"},
    "app_scope": {"type": "str", "choices": ["system", "user"], "default": "system"},
}


def check_broker(facts: dict[str, Any]) -> list[Problem]:
    """Refuse a broker that is open, or that would lose messages."""
    return [
        *_kind(facts),
        *_scope(facts),
        *_password(facts),
        *_bind(facts),
        *_port(facts),
        *_memory(facts),
        *_eviction(facts),
    ]


def _addresses(bind: Any) -> list[str]:
    return (
        [str(address) for address in bind]
        if isinstance(bind, (list, tuple))
        else re.split(r"[,\s]+", str(bind).strip())
    )


def _kind(facts: dict[str, Any]) -> list[Problem]:
    """`celery_broker_kind` is `redis` or `rabbitmq`."""
    if facts["kind"] in KINDS:
        return []
    return [refuse("celery_broker_kind", repr(facts["kind"]), "redis or rabbitmq", "choose one of them")]


def _scope(facts: dict[str, Any]) -> list[Problem]:
    """The scope `user` has Redis, and an application in that scope."""
    if facts["scope"] == "system":
        return []
    if facts["kind"] == "rabbitmq":
        return [
            refuse(
                "celery_broker_kind",
                "rabbitmq with celery_broker_scope user",
                "redis: without root there is only the server of a wheel, which speaks its protocol",
                "set celery_broker_kind to redis, or celery_broker_scope to system",
            )
        ]
    if facts["app_scope"] != "user":
        return [
            refuse(
                "celery_broker_scope",
                f"user with celery_app_scope {facts['app_scope']}",
                "the application in scope user too: the broker runs under its supervisor",
                "set celery_app_scope to user, or celery_broker_scope to system",
            )
        ]
    return []


def _bind(facts: dict[str, Any]) -> list[Problem]:
    """`celery_broker_bind` has IP addresses."""
    addresses = [address for address in _addresses(facts["bind"]) if address]
    if addresses and all(ADDRESS.fullmatch(address) for address in addresses):
        return []
    return [
        refuse(
            "celery_broker_bind",
            repr(facts["bind"]),
            'one or more IP addresses, or "*"',
            "write the address that a name stands for",
        )
    ]


def _memory(facts: dict[str, Any]) -> list[Problem]:
    """`celery_broker_maxmemory` is a size."""
    if SIZE.fullmatch(facts["maxmemory"]):
        return []
    return [
        refuse(
            "celery_broker_maxmemory",
            repr(facts["maxmemory"]),
            "a number with kb, mb or gb, or nothing",
            "write 512mb or 2gb",
        )
    ]


def _password(facts: dict[str, Any]) -> list[Problem]:
    """`celery_broker_password` is set, is no placeholder, is not too short for addresses that others reach, and fits
    into configuration files.
    """
    # The password itself is never part of a message.
    variable = "celery_broker_password"
    password = facts["password"]
    remote = [address for address in _addresses(facts["bind"]) if not is_loopback(address)]
    remedy = "make one with: openssl rand -hex 24, and keep it in a vault"
    if not password:
        actual = f"empty, while celery_broker_bind opens {listing(remote)}" if remote else "empty"
        return [refuse(variable, actual, "a password: every user of the host reaches a loopback port", remedy)]
    if is_placeholder(password):
        return [refuse(variable, "a placeholder", "a password of your own", remedy)]
    classes = [name for name, pattern in FORBIDDEN if re.search(pattern, password)]
    if classes:
        return [
            refuse(
                variable,
                f"a password with {listing(classes)}",
                "letters, digits and signs that no configuration file needs to quote",
                remedy,
            )
        ]
    if remote and len(password) < SHORT:
        return [
            warn(
                variable,
                f"{len(password)} characters, while celery_broker_bind opens {listing(remote)}",
                f"{SHORT} characters or more: a broker takes thousands of guesses a second",
                remedy,
            )
        ]
    return []


def _port(facts: dict[str, Any]) -> list[Problem]:
    """`celery_broker_port` is a port."""
    if facts.get("port") is None:
        return []
    port = integer(facts["port"])
    if port is not None and 1 <= port <= 65535:
        return []
    return [
        refuse(
            "celery_broker_port", repr(facts["port"]), "a number from 1 to 65535", "leave the variable at its default"
        )
    ]


def _eviction(facts: dict[str, Any]) -> list[Problem]:
    """Redis throws no message away when its memory is full."""
    if facts["kind"] != "redis" or facts["maxmemory_policy"] == "noeviction":
        return []
    return [
        refuse(
            "celery_broker_maxmemory_policy",
            facts["maxmemory_policy"],
            "noeviction: every other policy throws waiting tasks and queue bindings away",
            "set it to noeviction, and give the broker enough memory",
            "https://github.com/celery/kombu/issues/1063",
        )
    ]
