# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports the application and tells what it is. Runs inside the application's Python. Private to the collection."""

from __future__ import annotations

import importlib
import os
import platform
import re
import traceback
from datetime import datetime, timedelta, timezone

from ansible_collections.taskfleet.celery.plugins.module_utils._common.brokers import transport_of
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import mask
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.backend import check_backend
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.connection import (
    broker_urls,
    first_broker,
    proposed_heartbeat,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.revision import code_digest
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.rights import (
    backend_refusals,
    broker_refusals,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.versions import fit, installed

SETTINGS = (
    "beat_scheduler",
    "broker_heartbeat",
    "enable_utc",
    "result_expires",
    "task_acks_late",
    "task_create_missing_queues",
    "task_default_queue",
    "task_ignore_result",
    "task_soft_time_limit",
    "task_time_limit",
    "timezone",
    "worker_enable_remote_control",
    "worker_pool_restarts",
    "worker_prefetch_multiplier",
)
DISTRIBUTIONS = (
    "amqp",
    "billiard",
    "celery",
    "celery-redbeat",
    "django",
    "django-celery-beat",
    "eventlet",
    "flower",
    "gevent",
    "kombu",
    "packaging",
    "redis",
    "sqlalchemy",
    "vine",
)
# What a transport assumes when the application does not say (kombu).
VISIBILITY_TIMEOUTS = {"redis": 3600, "sentinel": 3600, "sqs": 1800}


def main(arguments, tell):
    """Report the application step by step, so that a step that never ends leaves the ones before it."""
    distributions = installed()
    versions = {name: one["version"] for name, one in distributions.items()}
    tell(
        stage="versions",
        versions=dict({name: versions.get(name) for name in DISTRIBUTIONS}, python=platform.python_version()),
        revision=code_digest(distributions, arguments["source_dir"], arguments["app"]),
    )
    tell(fit=fit(versions, os.environ.get("CELERY_BROKER_URL", "")), stage="import")
    try:
        app = find_app(arguments["app"])
        app.loader.import_default_modules()
        tell(app={"imported": True, "error": "", "error_line": "", "name": arguments["app"], "main": app.main})
        tell(stage="settings", **settings(app))
    except BaseException as error:
        app = None
        tell(app=dict(failure(error), name=arguments["app"], main=None))
    # After the application, for some of these modules set up an application of their own.
    tell(stage="require")
    wrong = {name: import_error(name) for name in arguments["require"]}
    tell(
        modules={name: error is None for name, error in wrong.items()},
        module_errors={name: error for name, error in wrong.items() if error},
    )
    if app is None:
        return {}
    tell(stage="broker")
    seconds = arguments["peer_timeout"]
    broker, connection = first_broker(app, broker_urls(app.conf), seconds)
    tell(fit=fit(versions, broker["transport"], broker["error"] if broker["layer"] == "client" else ""))
    tell(broker=broker, stage="result_backend")
    backend = check_backend(app, broker, seconds)
    tell(result_backend=backend, stage="rights")
    if arguments["worker"] and broker["reachable"] and transport_of(broker["transport"]) == "amqp":
        broker["heartbeat"] = proposed_heartbeat(connection, seconds / 2)
        tell(broker=broker)
    return {"refused": refused(app, broker, connection, backend, arguments["worker"], seconds / 2)}


def refused(app, broker, connection, backend, worker, seconds):
    """Return by peer what it refuses a worker after the login; nothing where nobody said what workers do."""
    if not worker:
        return {}
    found = {"result_backend": backend_refusals(app, backend, seconds)}
    if broker["reachable"]:
        found["broker"] = broker_refusals(app, connection, worker, seconds)
    return found


def find_app(name):
    """Return the application, found the way celery -A finds it."""
    from celery.app.utils import find_app as celery_find_app

    try:
        app = celery_find_app(name)
    except ModuleNotFoundError as error:
        module, colon, attribute = name.partition(":")
        if not colon or error.name != name:
            raise
        raise AttributeError("the module {0} has no attribute {1}".format(module, attribute)) from None
    if not hasattr(app, "loader"):
        text = "{0!r} leads to a {1}, not to a Celery application; expected module, module:attribute or package"
        raise TypeError(text.format(name, type(app).__name__))
    return app


def application(arguments):
    """Return the application that was named, or one that knows nothing but how to speak to a broker."""
    return find_app(arguments["app"]) if arguments["app"] else bare_app()


def bare_app():
    from celery import Celery

    return Celery("taskfleet", set_as_current=False)


def failure(error):
    """Return what a failed import says: the traceback's last line, and where it was raised."""
    line = traceback.format_exception_only(type(error), error)[-1].strip()
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not is_machinery(frame.filename)]
    where = " ({0}, line {1})".format(frames[-1].filename, frames[-1].lineno) if frames else ""
    return {
        "imported": False,
        "error": mask("the application does not import: " + line + where),
        "error_line": mask(line),
    }


def is_machinery(filename):
    """Return whether a frame belongs to what imports, not to what is imported."""
    return bool(re.search(r"^<(frozen|ansible_collections)|/importlib/__init__\.py$|/(celery|kombu|vine)/", filename))


def import_error(name):
    """Return None for a module that imports, an empty text for one that is not there, else why it does not import."""
    try:
        importlib.import_module(name)
    except Exception as error:
        return "" if isinstance(error, ModuleNotFoundError) and error.name == name else failure(error)["error_line"]
    return None


# -- Settings, tasks and queues


def settings(app):
    """Return conf, tasks, task_limits, queues, beat_entries and beat_crontabs of an imported application."""
    conf = app.conf
    options = dict(conf.broker_transport_options or {})
    chosen = {name: plain(conf.get(name)) for name in SETTINGS}
    chosen["broker_transport_options"] = mask({str(name): plain(value) for name, value in options.items()})
    kind = transport_of(broker_urls(conf)[0].partition("://")[0])
    chosen["visibility_timeout"] = options.get("visibility_timeout", VISIBILITY_TIMEOUTS.get(kind))
    chosen["daylight_saving"] = has_daylight_saving(app.timezone)
    entries = dict(conf.beat_schedule or {})
    tasks = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}
    return {
        "conf": chosen,
        "tasks": sorted(tasks),
        "task_limits": task_limits(tasks),
        "queues": queues(conf.task_default_queue, conf.task_queues, conf.task_routes, entries, tasks),
        "beat_entries": len(entries),
        "beat_crontabs": sum(is_crontab(entry) for entry in entries.values()),
    }


def has_daylight_saving(zone):
    """Return whether the clock of a timezone changes within this year."""
    year = datetime.now(timezone.utc).year
    months = [datetime(year, month, 1, tzinfo=timezone.utc) for month in range(1, 13)]
    return len({month.astimezone(zone).utcoffset() for month in months}) > 1


def task_limits(tasks):
    """Return by name the limits that tasks have of their own, in seconds."""
    found = {}
    for name, task in tasks.items():
        limits = {"soft": getattr(task, "soft_time_limit", None), "hard": getattr(task, "time_limit", None)}
        if any(limits.values()):
            found[name] = {limit: plain(value) for limit, value in limits.items()}
    return found


def is_crontab(entry):
    """Return whether an entry of beat's schedule is a crontab."""
    from celery.schedules import crontab

    return isinstance(entry, dict) and isinstance(entry.get("schedule"), crontab)


def plain(value):
    """Return a setting as something that JSON has."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    return str(value)


def queues(default, declared, routes, entries, tasks):
    """Return the names of the queues that the application itself names."""
    names = {default}
    if isinstance(declared, dict):
        names.update(declared)
    else:
        names.update(declared_name(queue) for queue in declared or ())
    names.update(routed(routes))
    for entry in entries.values():
        names.add(queue_of((entry.get("options") if isinstance(entry, dict) else None) or {}))
    names.update(getattr(task, "queue", None) for task in tasks.values())
    return sorted(name for name in names if name and isinstance(name, str))


def declared_name(queue):
    """Return the name that a queue is declared by: a broadcast has another one in each process."""
    return getattr(queue, "alias", None) or getattr(queue, "name", queue)


def routed(routes):
    """Return the queues of static routes; a router that is a function cannot be asked."""
    if isinstance(routes, dict):
        return {queue_of(route) for route in routes.values()}
    if isinstance(routes, (list, tuple)):
        if len(routes) == 2 and isinstance(routes[0], (str, re.Pattern)):
            return {queue_of(routes[1])}
        return set().union(*(routed(route) for route in routes))
    return set()


def queue_of(route):
    """Return the queue's name that a route or the options of a call name, or None."""
    queue = route.get("queue") if isinstance(route, dict) else route
    return declared_name(queue)
