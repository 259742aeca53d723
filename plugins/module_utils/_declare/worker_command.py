# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of a worker. Pure."""

from __future__ import annotations

import json
import posixpath
import shlex

# celery/bin/worker.py reads these from the application before it lays the settings over it. Measured on
# 5.7: `-- worker.prefetch_multiplier=7` changes nothing.
TOO_LATE = {
    "worker_concurrency": "concurrency",
    "worker_pool": "pool",
    "worker_prefetch_multiplier": "prefetch_multiplier",
    "worker_state_db": "extra_args: [--statedb, PATH]",
    "worker_disable_prefetch": "extra_args: [--disable-prefetch]",
}


def celery_argv(command, venv):
    """Return how Celery is started: ``celery_app_command``, or where that is empty the ``celery`` of the virtual environment."""
    program, *words = shlex.split(command) or ["celery"]
    return [posixpath.join(venv, "bin", program), *words]


def settings_overlay(settings):
    """Celery settings as ``celery worker -- key=value`` takes them.

    Every value carries its type, so that Celery never guesses it
    (celery/loaders/base.py, cmdline_config_parser).

    :param dict settings: setting names in lower case to values.
    :raises ValueError: a name that the command line cannot set, or sets too late.
    """
    words = []
    for name in sorted(settings):
        if name in TOO_LATE:
            raise ValueError(
                "celery_worker_settings: %s has no effect there, because Celery reads it before; "
                "set %s of the instance, or in celery_worker_defaults" % (name, TOO_LATE[name])
            )
        if "_" not in name:
            raise ValueError(
                "celery_worker_settings: %r cannot be set on the command line, which needs a name with an underscore; "
                "set it in the application" % name
            )
        words.append("%s=%s" % (name, _typed(settings[name])))
    return words


def _typed(value):
    if isinstance(value, bool):
        return "(bool)%s" % str(value).lower()
    if isinstance(value, int):
        return "(int)%d" % value
    if isinstance(value, float):
        return "(float)%r" % value
    if isinstance(value, (dict, list, tuple)) or value is None:
        return "(json)%s" % json.dumps(value, sort_keys=True)
    return "(string)%s" % value


def worker_argv(instance, celery, app, settings, include=""):
    """Arguments of one worker.

    :param dict instance: one instance, as ``instance`` returns it.
    :param list celery: how Celery is started, as ``celery_argv`` returns it.
    :param str app: what ``celery -A`` gets.
    :param dict settings: Celery settings laid over the application's.
    :param str include: a module that the worker imports besides those of the instance's ``extra_args``.
    """
    limits = instance["limits"]
    argv = [*celery, "-A", app, "worker"]
    argv += ["--hostname=%s" % instance["node"], "--queues=%s" % ",".join(instance["queues"])]
    argv += ["--pool=%s" % instance["pool"], "--loglevel=%s" % instance["loglevel"]]
    argv += _size(instance)
    if "hard" in limits:
        argv += ["--soft-time-limit=%d" % limits["soft"], "--time-limit=%d" % limits["hard"]]
    for key in ("prefetch_multiplier", "max_tasks_per_child", "max_memory_per_child"):
        if instance[key] is not None:
            argv.append("--%s=%d" % (key.replace("_", "-"), instance[key]))
    argv += ["--%s" % key.replace("_", "-") for key in SWITCHES if instance[key]]
    argv += _with_include([str(word) for word in instance["extra_args"]], include)
    overlay = settings_overlay(dict(settings, **_soft_shutdown(limits)))
    return [*argv, "--", *overlay] if overlay else argv


def _soft_shutdown(limits):
    """There is no option for it. On QUIT, a worker gives its tasks so many seconds before it hands them back."""
    return {"worker_soft_shutdown_timeout": float(limits["soft_shutdown"])} if "soft_shutdown" in limits else {}


def _with_include(words, include):
    """Of several ``--include`` Celery takes the last one only, so there is to be one."""
    rest, modules, position = [], [], 0
    while position < len(words):
        word = words[position]
        if word in ("-I", "--include") and position + 1 < len(words):
            modules.append(words[position + 1])
            position += 1
        elif word.startswith("--include="):
            modules.append(word.partition("=")[2])
        elif word.startswith("-I") and word != "-I":
            modules.append(word[2:])
        else:
            rest.append(word)
        position += 1
    modules += [include] if include else []
    return [*rest, "--include=%s" % ",".join(modules)] if modules else rest


SWITCHES = ("without_gossip", "without_mingle", "without_heartbeat")


def _size(instance):
    """Autoscale replaces the concurrency; the solo pool has neither."""
    if instance["autoscale"]:
        return ["--autoscale=%d,%d" % tuple(instance["autoscale"])]
    if instance["pool"] == "solo" or instance["concurrency"] is None:
        return []
    return ["--concurrency=%d" % instance["concurrency"]]
