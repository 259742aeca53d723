# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""The Celery processes of this host, from /proc. Linux only."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import socket
from datetime import datetime, timezone
from typing import Any, Callable, Sequence

from ansible_collections.taskfleet.celery.plugins.module_utils._common.environ import environ_of
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import MASK, mask

KINDS = ("worker", "beat", "flower")

# Every service of this collection has this name in its environment.
MARKER = "TASKFLEET_SERVICE"

LONGEST_CMDLINE = 300

# Options of celery, before its subcommand, that take a value.
_GLOBAL_OPTIONS = ("-A", "--app", "-b", "--broker", "--result-backend", "--loader", "--config", "--workdir")

# Short options of celery worker that take none, so that more may follow in the same word: -EB.
_FLAGS = "BDEq"

_PYTHON = re.compile(r"(python|pypy)[0-9.]*\Z")
_PYTHON_OPTIONS_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")

# What Celery writes over its command line when setproctitle is installed.
_WORKER_TITLE = re.compile(r"\[celeryd: (?P<node>[^\]]+):[^\]:]+\](?:.*?\((?P<arguments>.*)\))?")
_BEAT_TITLE = re.compile(r"\[celery beat\](?P<arguments>.*)")

_FLOWER_PASSWORD = re.compile(r"(--basic[-_]auth[= ])\S+")


def scan(
    proc: str = "/proc", hostname: str | None = None, command: Sequence[str] = (), app: str = ""
) -> list[dict[str, Any]]:
    """Return the Celery processes of this host, by pid. Those inside containers are not of this host.

    With a command of its own, an application is known by that, too.
    """
    hostname = hostname or socket.gethostname()
    boot = _boot_time(proc)
    own_namespace = _link(os.path.join(proc, "self", "ns", "pid"))
    found = {}
    for name in os.listdir(proc):
        if name.isdigit() and _link(os.path.join(proc, name, "ns", "pid")) in ("", own_namespace):
            process = _read(proc, name, boot, lambda argv: describe(argv, hostname, command, app))
            if process:
                found[process["pid"]] = process
    return [_with_role(found[pid], found) for pid in sorted(found)]


def same_app(one: str, other: str) -> bool:
    """Do these two values of -A mean the same application? Celery finds shop.celery:app by shop, too."""
    return bool(one) and _package(one) == _package(other)


def describe(argv: list[str], hostname: str, command: Sequence[str] = (), app: str = "") -> dict[str, Any] | None:
    """Return kind, app, node and embedded_beat of a command line, or None if it is not Celery's.

    The command is the application's own, after which come the arguments of Celery: nautobot-server celery.
    """
    if not argv:
        return None
    worker = _WORKER_TITLE.match(argv[0])
    if worker:
        seen = _parse_title(worker.group("arguments"), hostname, command, app) or _description("worker")
        return dict(seen, kind="worker", node=worker.group("node"))
    beat = _BEAT_TITLE.match(argv[0])
    if beat:
        seen = _parse_title(beat.group("arguments"), hostname, command, app) or _description("beat")
        return dict(seen, kind="beat")
    own = _after_command(argv, command)
    if own is not None:
        return _with_app(_parse(own, hostname), app)
    arguments = _after_celery(argv)
    return None if arguments is None else _parse(arguments, hostname)


def _description(kind: str, app: str = "", node: str = "", embedded_beat: bool = False) -> dict[str, Any]:
    return {"kind": kind, "app": app, "node": node, "embedded_beat": embedded_beat}


def _with_app(seen: dict[str, Any] | None, app: str) -> dict[str, Any] | None:
    return seen and dict(seen, app=seen["app"] or app)


def _parse_title(text: str | None, hostname: str, command: Sequence[str], app: str) -> dict[str, Any] | None:
    """Celery writes the arguments of the program there, so those of the application's own command come before its own."""
    words, own = _words(text), list(command[1:])
    if own and words[: len(own)] == own:
        return _with_app(_parse(words[len(own) :], hostname), app)
    return _parse(words, hostname)


def _after_command(argv: list[str], command: Sequence[str]) -> list[str] | None:
    """Return what follows the application's own command, which is a script that Python runs, or a program."""
    if not command:
        return None
    first, own = os.path.basename(command[0]), list(command[1:])
    for position in range(2 if _PYTHON.match(os.path.basename(argv[0])) else 1):
        words = argv[position:]
        if words and os.path.basename(words[0]) == first and words[1 : len(own) + 1] == own:
            return words[len(own) + 1 :]
    return None


def _after_celery(argv: list[str]) -> list[str] | None:
    """Return what follows celery, in 'celery ...', 'python .../celery ...' and 'python -m celery ...'."""
    program = os.path.basename(argv[0])
    if program == "celery":
        return argv[1:]
    if not _PYTHON.match(program):
        return None
    position = 1
    while position < len(argv) and argv[position].startswith("-"):
        if argv[position] == "-m":
            return argv[position + 2 :] if argv[position + 1 : position + 2] == ["celery"] else None
        if argv[position] == "-c":
            return None
        position += 2 if argv[position] in _PYTHON_OPTIONS_WITH_VALUE else 1
    if position < len(argv) and os.path.basename(argv[position]) == "celery":
        return argv[position + 1 :]
    return None


def _parse(arguments: list[str], hostname: str) -> dict[str, Any] | None:
    position = 0
    while position < len(arguments) and arguments[position].startswith("-"):
        position += 2 if arguments[position] in _GLOBAL_OPTIONS else 1
    if position >= len(arguments) or arguments[position] not in KINDS:
        return None
    kind = arguments[position]
    app = _value(arguments, "-A", "--app")
    if kind != "worker":
        return _description(kind, app)
    options = arguments[position + 1 :]
    node = _value(options, "-n", "--hostname") or "celery@%h"
    return _description(kind, app, _expand(node, hostname), any(_embeds_beat(word) for word in options))


def _value(arguments: list[str], short: str, long: str) -> str:
    """Return the value of an option in each of its spellings: -A x, -Ax, --app x, --app=x."""
    for position, word in enumerate(arguments):
        if word in (short, long):
            return arguments[position + 1] if position + 1 < len(arguments) else ""
        if word.startswith(f"{long}="):
            return word.partition("=")[2]
        if word.startswith(short) and not word.startswith("--"):
            return word[len(short) :]
    return ""


def _embeds_beat(word: str) -> bool:
    if word.startswith("--"):
        return word == "--beat"
    flags = re.match(f"-([{_FLAGS}]*)", word)
    return bool(flags) and "B" in flags.group(1)


def _expand(node: str, hostname: str) -> str:
    name, _dot, domain = hostname.partition(".")
    node = node if "@" in node else f"{node}@%h"
    return node.replace("%h", hostname).replace("%n", name).replace("%d", domain)


def _words(text: str | None) -> list[str]:
    try:
        return shlex.split(text or "")
    except ValueError:
        return (text or "").split()


def _package(app: str) -> str:
    module = app.partition(":")[0]
    return module[: -len(".celery")] if module.endswith(".celery") else module


def _read(
    proc: str, pid: str, boot: float, description: Callable[[list[str]], dict[str, Any] | None]
) -> dict[str, Any] | None:
    """Return one process, or None if it is not Celery's, or has ended meanwhile."""
    directory = os.path.join(proc, pid)
    try:
        with open(os.path.join(directory, "cmdline"), "rb") as stream:
            raw = stream.read()
        argv = raw.decode("utf-8", "replace").rstrip("\0").split("\0") if raw else []
        seen = description(argv)
        if seen is None:
            return None
        with open(os.path.join(directory, "stat"), encoding="utf-8", errors="replace") as stream:
            # The name of the program, in brackets, can hold spaces and brackets.
            fields = stream.read().rpartition(")")[2].split()
        user = os.stat(directory).st_uid
    except OSError:
        return None
    environment = environ_of(pid, proc)
    return {
        "pid": int(pid),
        "ppid": int(fields[1]),
        "kind": seen["kind"],
        "app": seen["app"] or environment.get("APP", ""),
        "node": seen["node"],
        "user": _user_name(user),
        "cmdline": _shown(argv),
        "embedded_beat": seen["embedded_beat"],
        "service": environment.get(MARKER, ""),
        "environment_readable": os.access(os.path.join(directory, "environ"), os.R_OK),
        "started_at": _started_at(boot, int(fields[19])),
    }


def _with_role(process: dict[str, Any], found: dict[int, dict[str, Any]]) -> dict[str, Any]:
    parent = found.get(process["ppid"])
    if parent is None:
        return dict(process, role="main")
    return dict(process, role="child", app=process["app"] or parent["app"], embedded_beat=False)


def _shown(argv: list[str]) -> str:
    text = _FLOWER_PASSWORD.sub(r"\g<1>" + MASK, mask(" ".join(argv)))
    return text if len(text) <= LONGEST_CMDLINE else f"{text[:LONGEST_CMDLINE]}..."


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _link(path: str) -> str:
    """Return where a link leads, or '' where that cannot be read."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _boot_time(proc: str) -> float:
    with open(os.path.join(proc, "stat"), encoding="ascii", errors="replace") as stream:
        for line in stream:
            if line.startswith("btime "):
                return float(line.split()[1])
    return 0.0


def _started_at(boot: float, ticks: int) -> str:
    moment = datetime.fromtimestamp(boot + ticks / os.sysconf("SC_CLK_TCK"), tz=timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def beats(processes, app):
    """Return the processes that send periodic tasks, of the application if it is named."""
    return [
        process
        for process in processes
        if process["role"] == "main"
        and (process["kind"] == "beat" or process["embedded_beat"])
        and (not app or same_app(process["app"], app))
    ]
