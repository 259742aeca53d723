# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""What every preflight topic shares: the problem, the registry, the message.

A topic is one file, C(_preflight_<topic>.py), with two names:

* C(FACTS): an argument spec, the facts that the topic takes;
* C(check_<topic>(facts)): a pure function that returns a list of problems.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import asdict, dataclass
from typing import Any, Callable

from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import mask
from ansible_collections.taskfleet.celery.plugins.module_utils._common.urls import UNREADABLE, is_readable
from ansible_collections.taskfleet.celery.plugins.module_utils._common.values import listing, type_in_words

REFUSE = "refuse"
WARN = "warn"

TOPICS = (
    "app",
    "app_proof",
    "app_settings",
    "beat",
    "broker",
    "flower",
    "instances",
    "names",
    "packages",
    "queues",
    "removal",
    "system",
    "timeouts",
    "venv",
)

PACKAGE = "ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight"

REDIS_SCHEMES = ("redis", "rediss", "redis+socket", "sentinel")
AMQP_SCHEMES = ("amqp", "amqps", "pyamqp")

# So many hosts are named in a message.
HOSTS = 5

PLACEHOLDERS = ("changeme", "change-me", "change_me", "password", "secret", "admin", "guest", "example", "todo", "xxx")

LOCAL_NAMES = ("localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost", "::1")

# The filter urlencode leaves / as it is.
ENCODE = "put the password into the URL through these filters: urlencode | replace('/', '%2F')"

_ENVIRONMENT_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True)
class Problem:
    """One finding: which variable, what it is, what it should be, what to do."""

    level: str
    variable: str
    actual: str
    expected: str
    remedy: str
    reference: str = ""
    suggestion: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the problem for a task result, with the passwords of URLs masked."""
        return {key: mask(value) for key, value in asdict(self).items()}

    def __str__(self) -> str:
        lines = [
            f"{self.variable}: did you mean {self.suggestion}?" if self.suggestion else self.variable,
            f"  actual:   {self.actual}",
            f"  expected: {self.expected}",
            f"  remedy:   {self.remedy}",
        ]
        if self.reference:
            lines.append(f"  see:      {self.reference}")
        return mask("\n".join(lines))

    def as_sentence(self) -> str:
        """Return the problem on one line, as a warning shows it."""
        meant = f"did you mean {self.suggestion}? " if self.suggestion else ""
        text = f"{self.variable}: {meant}{self.actual}. Expected: {self.expected}. Remedy: {self.remedy}."
        return mask(f"{text} See {self.reference}." if self.reference else text)


def refuse(
    variable: str, actual: str, expected: str, remedy: str, reference: str = "", suggestion: str = ""
) -> Problem:
    """A problem that stops the play. suggestion: the name that was probably meant; the message leads with it."""
    return Problem(REFUSE, variable, actual, expected, remedy, reference, suggestion)


def warn(variable: str, actual: str, expected: str, remedy: str, reference: str = "") -> Problem:
    """A problem that the play goes on with."""
    return Problem(WARN, variable, actual, expected, remedy, reference)


@dataclass(frozen=True)
class Topic:
    """A topic of the registry."""

    name: str
    facts: dict[str, Any]
    check: Callable[[dict[str, Any]], list[Problem]]


def load(name: str) -> Topic:
    """Return the topic called name, one of TOPICS."""
    module = importlib.import_module(f"{PACKAGE}.{name}")
    return Topic(name, module.FACTS, getattr(module, f"check_{name}"))


def refusals(problems: list[Problem]) -> list[Problem]:
    """Only what stops the play."""
    return [problem for problem in problems if problem.level == REFUSE]


def warnings(problems: list[Problem]) -> list[Problem]:
    """Only what the play goes on with."""
    return [problem for problem in problems if problem.level == WARN]


def message(problems: list[Problem]) -> str:
    """Return every problem as one readable text."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    blocks = [f"{number}. {problem}" for number, problem in enumerate(problems, 1)]
    return "\n".join([f"Preflight found {count}. This step changed nothing.", *blocks])


def some_of(values: Any) -> str:
    """Return names, as of hosts, as text, of many the first."""
    names = sorted(values)
    more = [f"{len(names) - HOSTS} more"] if len(names) > HOSTS else []
    return listing([*names[:HOSTS], *more])


def refused(by_host: dict[str, dict[str, str]]) -> str:
    """Return what was refused, each text once: by host and role the message of its preflight."""
    texts: dict[tuple[str, str], list[str]] = {}
    for host, by_role in by_host.items():
        for role, text in by_role.items():
            texts.setdefault((role, str(text).strip()), []).append(host)
    return "\n".join(f"{role} on {some_of(hosts)}: {text}" for (role, text), hosts in texts.items())


def scheme(url: Any) -> str:
    """Return the scheme of a URL, in lower case, or ''."""
    head, found, _rest = str(url or "").partition("://")
    return head.strip().lower() if found else ""


def url_problems(variable: str, url: str, is_list: bool = False) -> list[Problem]:
    """The password of a URL is encoded, so that no client misreads it.

    No part of it is shown. With is_list it may be several URLs, with semicolons.
    """
    if re.search(r"\s", url):
        actual = "a URL with a space or a line break in it"
    elif not is_readable(url, is_list):
        actual = UNREADABLE
    else:
        return []
    return [
        refuse(
            variable,
            actual,
            "a URL in one piece, its user name and its password percent-encoded",
            ENCODE,
            "https://github.com/nautobot/nautobot/issues/8702",
        )
    ]


def is_redis(url: Any) -> bool:
    """Does Celery reach this broker over the Redis transport?"""
    return scheme(url) in REDIS_SCHEMES


def is_amqp(url: Any) -> bool:
    """Does Celery reach this broker over AMQP?"""
    return scheme(url) in AMQP_SCHEMES


def is_loopback(address: Any) -> bool:
    """Does nothing but this host reach this address?"""
    text = str(address).strip().strip("[]").lstrip("-").lower()
    return text in LOCAL_NAMES or text.startswith(("127.", "unix:", "/"))


def is_placeholder(password: str) -> bool:
    """Is this a word that stands where a password should be?"""
    text = password.strip().lower()
    return text in PLACEHOLDERS or bool(re.match(r"<.*>\Z|\{\{.*\}\}\Z", text))


def environment_problems(variable: str, environment: Any, reserved: dict[str, str]) -> list[Problem]:
    """An environment has names and values that its file can hold, and none that a variable of the collection sets.

    reserved: key -> the variable that sets it, '' for none.
    """
    if not environment:
        return []
    if not isinstance(environment, dict):
        return [
            refuse(
                variable,
                type_in_words(environment),
                "a dict of names and values",
                f"write {variable} as a dict, for example LANG: C.UTF-8",
            )
        ]
    problems = []
    for key, value in environment.items():
        where = f"{variable}.{key}"
        if not _ENVIRONMENT_KEY.match(str(key)):
            problems.append(
                refuse(
                    where,
                    f"the name {key!r}",
                    "letters, digits and underscores, no digit first",
                    "rename the key: a shell and systemd both must be able to read it",
                )
            )
        elif key in reserved:
            problems.append(
                refuse(
                    where,
                    "set here",
                    f"set by {reserved[key] or 'the collection alone'}",
                    f"take {key} out of {variable}" + (f", and set {reserved[key]}" if reserved[key] else ""),
                )
            )
        elif isinstance(value, (dict, list, tuple)) or value is None:
            problems.append(
                refuse(
                    where,
                    type_in_words(value),
                    "text or a number",
                    "write the value as text: an environment variable has no structure",
                )
            )
        elif re.search(r"[\n\r\0]", str(value)):
            problems.append(
                refuse(
                    where,
                    "a value with a line break",
                    "a value on one line",
                    "encode the value (base64, or \\n written out), or keep it in a file and set its path here",
                )
            )
    return problems
