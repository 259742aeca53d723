# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Preflight: each variable that looks like one of the collection's is one, and so is each key of its dicts.

Ansible itself takes a misspelt variable for one of somebody else's, and says nothing.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Any, Iterator

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import (
    Problem,
    listing,
    refuse,
    some_of,
)

# Variables whose keys are those of another one.
SAME_KEYS = {"celery_worker_defaults": "celery_worker_instances"}

# The groups whose hosts the playbooks act on.
GROUPS = ("celery_broker", "celery_workers", "celery_beat", "celery_flower")

# How near a name must be to be the one that was meant: as a whole, without its prefix, as a key, as a group. 1 is equal.
NEAR_NAME, NEAR_REST, NEAR_KEY, NEAR_GROUP = 0.92, 0.7, 0.6, 0.85

FACTS: dict[str, Any] = {
    "roles": {"type": "list", "elements": "str", "default": []},
    "hosts": {"type": "list", "elements": "str", "default": []},
}


@dataclass(frozen=True)
class Vocabulary:
    """The names that the collection knows: options with their specification, other names, and by prefix whose it is."""

    options: dict[str, Any]
    others: frozenset[str]
    prefixes: dict[str, str]

    def keys(self, variable: str) -> dict[str, Any]:
        """Return the specification of the keys that a variable takes, nothing where it takes any."""
        return self.options.get(SAME_KEYS.get(variable, variable), {}).get("options") or {}

    def knows(self, name: str) -> bool:
        """Is this one of the collection's variables?"""
        return name in self.options or name in self.others

    def prefix(self, name: str) -> str:
        """Return the longest prefix of the collection that a name begins with."""
        return max((prefix for prefix in self.prefixes if name.startswith(prefix)), key=len, default="")

    def is_misspelt(self, name: str, is_given: bool) -> bool:
        """Is this no variable of the collection, while it looks like one?"""
        if not name.startswith("celery_") or self.knows(name):
            return False
        # An inventory may well have a celery_queue of its own; on a command line celery_queues is meant.
        return bool(self.prefix(name) or self.prefix(self.nearest(name)) or (is_given and self.nearest(name)))

    def nearest(self, name: str) -> str:
        """Return the variable that was meant by a name, or the key of one, or nothing."""
        prefix = self.prefix(name)
        near = _near(name, self.options, NEAR_NAME)
        if not near and not prefix:
            # As celery_report_directory.
            return max(filter(name.startswith, self.options), key=len, default="")
        if near:
            return near
        rest = name[len(prefix) :]
        own = [option for option in sorted(self.options) if option.startswith(prefix)]
        near = _near(rest, [option[len(prefix) :] for option in own], NEAR_REST)
        if near:
            return prefix + near
        holders = [option for option in own if rest in (self.options[option].get("options") or {})]
        return f"the key {rest} of {holders[0]}" if holders else ""


def check_names(facts: dict[str, Any]) -> list[Problem]:
    """Refuse variables and keys that nothing of the collection reads.

    Beside FACTS, the action gives ``vocabulary``; ``inventory``, by host its variables, with the value of those that have
    keys; ``given``, the names of what is given on the command line; and ``groups``, by name their hosts.
    """
    vocabulary, given = facts["vocabulary"], facts["given"]
    variables: dict[str, list[str]] = {}
    keys: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for host, has in facts["inventory"].items():
        for name, value in has.items():
            if vocabulary.is_misspelt(name, name in given):
                variables.setdefault(name, []).append(host)
            for unknown in _unknown_keys(name, value, vocabulary.keys(name)):
                keys.setdefault(unknown, []).append(host)
    problems = [
        *_groups(facts["groups"]),
        *(_key(*unknown, _where(unknown[0], hosts, given)) for unknown, hosts in sorted(keys.items())),
        *(_variable(name, _where(name, hosts, given), vocabulary) for name, hosts in sorted(variables.items())),
    ]
    # First those where it is known what was meant.
    return sorted(problems, key=lambda problem: not problem.suggestion)


def _near(name: str, names: Any, cutoff: float) -> str:
    return next(iter(difflib.get_close_matches(name, sorted(names), n=1, cutoff=cutoff)), "")


def _unknown_keys(place: str, value: Any, keys: dict[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    if isinstance(value, (list, tuple)):
        for position, item in enumerate(value):
            name = item.get("name") if isinstance(item, dict) else None
            yield from _unknown_keys(f"{place}[{name or position}]", item, keys)
    elif isinstance(value, dict) and keys:
        for key, held in value.items():
            if key not in keys:
                yield place, str(key), tuple(sorted(keys))
            else:
                yield from _unknown_keys(f"{place}.{key}", held, keys[key].get("options") or {})


def _groups(groups: dict[str, list[str]]) -> list[Problem]:
    """No group has nearly the name of one that the playbooks act on, with hosts that are in none of these."""
    reached = {host for group in GROUPS for host in groups.get(group, [])}
    problems = []
    for group in sorted(set(groups) - set(GROUPS)):
        left_out = sorted(set(groups[group]) - reached)
        near = _near(group, GROUPS, NEAR_GROUP)
        if near and left_out:
            problems.append(
                refuse(
                    f"the group {group}",
                    f"a group that no playbook acts on, with {some_of(left_out)}",
                    f"hosts in the groups {listing(GROUPS)}",
                    f"rename it to {near}, or put its hosts into one of these groups",
                    suggestion=near,
                )
            )
    return problems


def _key(place: str, key: str, keys: tuple[str, ...], where: str) -> Problem:
    """Each key of a variable that takes certain keys is one of these."""
    near = _near(key, keys, NEAR_KEY)
    return refuse(
        f"{place}.{key}",
        f"a key that nothing reads, {where}",
        f"one of {listing(keys)}",
        f"rename it to {near}" if near else "correct it, or take it out",
        suggestion=near,
    )


def _variable(name: str, where: str, vocabulary: Vocabulary) -> Problem:
    """Each variable that looks like one of the collection's is one."""
    prefix = vocabulary.prefix(name)
    near = vocabulary.nearest(name)
    own = f"; a variable of your own needs a name that does not begin with {prefix}" if prefix else ""
    return refuse(
        name,
        f"a variable that nothing reads, {where}",
        f"a variable that ansible-doc -t role taskfleet.celery.{vocabulary.prefixes.get(prefix, 'celery')} lists",
        f"use {near}" if near else f"correct it, or take it out{own}",
        suggestion=near,
    )


def _where(place: str, hosts: list[str], given: set[str]) -> str:
    if re.split(r"[.\[]", place)[0] in given:
        return "given on the command line"
    return f"set for {some_of(hosts)}"
