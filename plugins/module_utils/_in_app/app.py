# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports the application and tells what it is. Runs inside the application's Python. Private to the collection."""

from __future__ import annotations

import hashlib
import importlib
import itertools
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
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.rights import (
    backend_refusals,
    broker_refusals,
)

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
# Of a transport, the extra of kombu that names its client library.
EXTRAS = {"redis": "redis", "sentinel": "redis", "sqs": "sqs", "mongodb": "mongodb"}

SKIPPED_FOLDERS = {".git", ".hg", ".svn", "__pycache__"}
MOST_FILES = 50000
MOST_BYTES = 256 * 1024 * 1024


def main(arguments, tell):
    """Report the application step by step, so that a step that never ends leaves the ones before it."""
    versions = installed()
    tell(
        stage="versions",
        versions=dict({name: versions.get(name) for name in DISTRIBUTIONS}, python=platform.python_version()),
        revision=revision(arguments["source_dir"], of_the_application(versions, needs())),
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


# -- Do the versions fit


def installed():
    """Return names and versions of the installed distributions."""
    from importlib import metadata

    found = {}
    for distribution in metadata.distributions():
        name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
        # The first on the path is the one that is imported.
        if name:
            found.setdefault(name, distribution.version)
    return found


def fit(versions, broker, refused=""):
    """Return whether celery, kombu and the client library fit each other, and what would fix it."""
    from importlib import metadata

    def requirements(name):
        try:
            return metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            return []

    transport = transport_of(broker.partition("://")[0])
    found = list(misfits(versions, {name: requirements(name) for name in ("celery", "kombu")}, transport))
    # What the broker's answer can make up for comes last.
    problem, is_client = min(found, key=lambda one: one[1], default=(refused, False))
    if not problem:
        return {"ok": True, "problem": "", "remedy": "", "only_client": False}
    extra = EXTRAS.get(transport)
    return {"ok": False, "problem": mask(problem), "remedy": remedy(versions, extra), "only_client": is_client}


def misfits(versions, requires, transport):
    """Yield the requirements of celery and kombu that the installed versions do not meet.

    Each with whether it is no more than the range that kombu states for the installed client library of the broker.
    """
    for name in ("celery", "kombu"):
        if name not in versions:
            yield "{0} is not installed in this virtual environment".format(name), False
            return
        for text in requires[name]:
            wanted, constraint, marker = requirement(text)
            if not applies(marker, EXTRAS.get(transport) if name == "kombu" else None):
                continue
            owner = "{0} {1}".format(name, versions[name])
            if wanted not in versions:
                yield "{0} needs {1}{2}, which is not installed".format(owner, wanted, constraint), False
            elif not meets(versions[wanted], constraint):
                problem = "{0} needs {1}{2}, installed is {1} {3}".format(owner, wanted, constraint, versions[wanted])
                yield problem, bool(marker) or wanted == transport == "amqp"


def remedy(versions, extra):
    """Return what to install or to pin."""
    package = "celery[{0}]".format(extra) if extra else "celery"
    if "celery" not in versions:
        return "install {0} into the virtual environment".format(package)
    line = release(versions["celery"])[:2]
    if release(versions.get("kombu", "0"))[:2] == line:
        return "install {0}=={1} again, with all that it needs".format(package, versions["celery"])
    text = "pin kombu to celery's line: {0}=={1} with kombu>={2}.{3},<{2}.{4}"
    return text.format(package, versions["celery"], line[0], line[1], line[1] + 1)


def requirement(text):
    """Return name, constraint and marker of a requirement as distributions declare it."""
    body, _semicolon, marker = text.partition(";")
    name, constraint = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?([^)]*)\)?", body).groups()
    return name.lower().replace("_", "-"), constraint.replace(" ", ""), marker.strip()


def applies(marker, extra):
    """Return whether a marker is about the extra, or about nothing; markers about platforms are left alone."""
    if not marker:
        return True
    named = re.fullmatch(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker)
    return bool(named and extra and named.group(1) == extra)


def release(version):
    """Return the numbers of a version."""
    return tuple(int(number) for number in re.findall(r"\d+", re.split(r"[^\d.]", version, maxsplit=1)[0])) or (0,)


def meets(version, constraint):
    """Return whether a version lies within the bounds of a constraint; exact pins are pip's business."""
    have = release(version)
    for operator, bound in re.findall(r"(~=|!=|<=|>=|<|>)([^,]+)", constraint):
        limit = release(bound)
        size = max(len(have), len(limit))
        left, right = (numbers + (0,) * (size - len(numbers)) for numbers in (have, limit))
        if operator == "~=":
            good = left >= right and have[: len(limit) - 1] == limit[:-1]
        elif operator == "!=":
            good = left != right
        else:
            good = {"<=": left <= right, ">=": left >= right, "<": left < right, ">": left > right}[operator]
        if not good:
            return False
    return True


# -- Revision


def needs():
    """Return what each installed distribution requires, extras left out."""
    from importlib import metadata

    found = {}
    for distribution in metadata.distributions():
        name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
        wanted = (requirement(text) for text in distribution.requires or ())
        found.setdefault(name, {required for required, _constraint, marker in wanted if applies(marker, "")})
    return found


def of_the_application(versions, required):
    """Return the versions without Flower and without what only Flower requires.

    It watches the application and is no part of it: installed later, it must not restart the workers.
    """
    left_out = {"flower"} & set(versions)
    while True:
        more = {
            name
            for name in set(versions) - left_out - {"celery"}
            if required_by(name, required) and required_by(name, required) <= left_out
        }
        if not more:
            return {name: version for name, version in versions.items() if name not in left_out}
        left_out |= more


def required_by(name, required):
    """Return the distributions that require one, itself left out."""
    return {other for other, names in required.items() if name in names and other != name}


def revision(folder, versions):
    """Return a digest of the source tree and of the installed distributions."""
    # Packages of one version are others for another Python.
    digest = hashlib.sha256("python=={0[0]}.{0[1]}\n".format(platform.python_version_tuple()).encode("utf-8"))
    for name, version in sorted(versions.items()):
        digest.update("{0}=={1}\n".format(name, version).encode("utf-8"))
    budget = MOST_BYTES
    for path, full in itertools.islice(tree(folder) if folder else (), MOST_FILES):
        try:
            size = os.lstat(full).st_size
            budget -= size
            data = content(full) if budget > 0 else b""
        except OSError:
            size, data = 0, b"unreadable"
        digest.update("{0}\0{1}\0".format(path, size).encode("utf-8", "surrogateescape") + data)
    return digest.hexdigest()


def tree(folder):
    """Yield relative and full path of the files that make up a source tree, in a fixed order."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS and not name.endswith(".egg-info"))
        for name in sorted(files):
            if not name.endswith((".pyc", ".pyo")):
                full = os.path.join(root, name)
                yield os.path.relpath(full, folder), full


def content(path):
    """Return the digest of a file's content, or where a link leads; a pipe or a socket has none."""
    if os.path.islink(path):
        return os.fsencode(os.readlink(path))
    digest = hashlib.sha256()
    if os.path.isfile(path):
        with open(path, "rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
    return digest.digest()
