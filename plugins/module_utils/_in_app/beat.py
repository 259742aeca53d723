# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports what beat's schedule is and when its entries ran last, without disturbing a beat that runs.

Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

import os
import shelve
import shutil
import tempfile
import time
from datetime import datetime, timedelta, timezone

from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import sentence
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import mask
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.app import failure, find_app

# What the kinds of dbm make of a file's name. That of SQLite, of Python 3.13, has what is new in a file beside it.
SUFFIXES = ("", "-wal", ".db", ".dat", ".dir", ".bak", ".pag")
LARGEST = 256 * 1024 * 1024
# A beat may be writing: a copy taken a moment later is whole.
TRIES = 3
PAUSE = 0.2


def main(arguments, tell):
    """Report scheduler, configured and schedule, step by step."""
    problem, app = "", None
    tell(stage="import")
    try:
        app = find_app(arguments["app"]) if arguments["app"] else bare_app()
        app.loader.import_default_modules()
    except BaseException as error:
        problem = failure(error)["error"]
        app = bare_app()
    scheduler = arguments["scheduler"] or app.conf.beat_scheduler
    known = bool(arguments["app"]) and not problem
    tell(
        stage="schedule",
        problem=problem,
        scheduler=scheduler if known or arguments["scheduler"] else None,
        configured=configured(app) if known else None,
    )
    source = source_of(scheduler, arguments["schedule_file"])
    if source is None:
        return {"stage": "done"}
    schedule = {"source": source, "readable": True, "error": "", "entries": [], "lock": None}
    try:
        schedule.update(READERS[source](app, arguments))
    except Exception as error:
        schedule.update(readable=False, error=mask(sentence(error)))
    return {"stage": "done", "schedule": schedule}


def bare_app():
    """Return an application that knows nothing but Celery's defaults."""
    from celery import Celery

    return Celery("taskfleet")


def source_of(scheduler, path):
    """Return where a scheduler keeps its state, as far as it can be read here."""
    name = str(scheduler).lower()
    if "redbeat" in name:
        return "redbeat"
    if "django" in name or "databasescheduler" in name:
        return "django"
    return "file" if path else None


def configured(app):
    """Return the entries of the application's own settings."""
    entries = []
    for name, entry in sorted((app.conf.beat_schedule or {}).items()):
        fields = entry if isinstance(entry, dict) else {"task": getattr(entry, "task", None)}
        entries.append(
            {
                "name": name,
                "task": fields.get("task"),
                "schedule": described(fields.get("schedule", getattr(entry, "schedule", None))),
                "queue": (fields.get("options") or {}).get("queue"),
            }
        )
    return entries


def described(schedule):
    """Return a schedule as a text; a number is a number of seconds."""
    if isinstance(schedule, timedelta):
        schedule = schedule.total_seconds()
    if isinstance(schedule, (int, float)):
        return "every {0:g} s".format(schedule)
    seconds = getattr(schedule, "run_every", None)
    if isinstance(seconds, timedelta):
        return "every {0:g} s".format(seconds.total_seconds())
    return mask(str(schedule))


def entry_of(entry, enabled=True):
    """Return an entry of a scheduler, without the task's arguments."""
    last = entry.last_run_at
    return {
        "name": entry.name,
        "task": entry.task,
        "schedule": described(entry.schedule),
        "enabled": enabled,
        "queue": (entry.options or {}).get("queue"),
        "last_run_at": last.isoformat() if last else None,
        "total_run_count": entry.total_run_count or 0,
        "last_run_ahead": ahead(last),
        "due_in": due_in(entry.schedule, last),
    }


def ahead(last):
    """Return by how many seconds a run lies in the future, below 0 for the past, or None where its zone is not known."""
    if last is None or last.tzinfo is None:
        return None
    return round((last - datetime.now(timezone.utc)).total_seconds(), 1)


def due_in(schedule, last):
    """Return the seconds until the next run is due, below 0 when it is late, or None where that is unknown."""
    try:
        # Some times have no zone: the schedule knows which one they are in.
        left = round(schedule.remaining_estimate(schedule.maybe_make_aware(last)).total_seconds(), 1)
        # What is later than this is left out until the crontab comes round again.
        waives = left < 0 and hasattr(schedule, "hour") and schedule.app.conf.beat_cron_starting_deadline
    except Exception:
        return None
    return None if waives else left


# -- Where schedulers keep their state


def read_file(app, arguments):
    """Return the entries of the file of Celery's own scheduler, from a copy."""
    path = arguments["schedule_file"]
    for left in reversed(range(TRIES)):
        try:
            return read_copy(path)
        except Exception:
            if not left or not parts(path):
                raise
        time.sleep(PAUSE)
    return None


def parts(path):
    """Return the files that a dbm of this name consists of."""
    return [path + suffix for suffix in SUFFIXES if os.path.isfile(path + suffix)]


def read_copy(path):
    """Copy the dbm and read it."""
    found = parts(path)
    if not found:
        raise FileNotFoundError("there is no schedule file {0}, with any of the endings of a dbm".format(path))
    size = sum(os.path.getsize(part) for part in found)
    if size > LARGEST:
        raise ValueError("the schedule file has {0} bytes, more than {1}; it is not read".format(size, LARGEST))
    with tempfile.TemporaryDirectory(prefix="taskfleet-") as directory:
        copy = os.path.join(directory, "schedule")
        for part in found:
            shutil.copyfile(part, copy + part[len(path) :])
        with shelve.open(copy, flag="r") as store:
            # A beat that is younger than its first write has made the file and put nothing into it.
            entries = store.get("entries", {})
            written = str(store.get("__version__", "")) or None
    read = [entry_of(entry) for _name, entry in sorted(entries.items())]
    return {"entries": read, "written_by": written}


def read_redbeat(app, _arguments):
    """Return the entries that redbeat keeps in Redis, and who may send them."""
    from redbeat.schedulers import RedBeatConfig, RedBeatSchedulerEntry, get_redis

    conf = getattr(app, "redbeat_conf", None) or RedBeatConfig(app)
    app.redbeat_conf = conf
    client = get_redis(app)
    entries = []
    for key in client.zrange(conf.schedule_key, 0, -1):
        key = key.decode("utf-8") if isinstance(key, bytes) else key
        entry = RedBeatSchedulerEntry.from_key(key, app=app)
        entries.append(entry_of(entry, bool(getattr(entry, "enabled", True))))
    lock = None
    if conf.lock_key:
        left = client.pttl(conf.lock_key)
        lock = {"held": left != -2, "seconds_left": round(left / 1000, 1) if left >= 0 else None}
    return {"entries": sorted(entries, key=lambda entry: entry["name"]), "lock": lock}


def read_django(_app, _arguments):
    """Return the entries that django-celery-beat keeps in the application's database."""
    from django_celery_beat.models import PeriodicTask

    entries = []
    for model in PeriodicTask.objects.order_by("name"):
        entries.append(
            {
                "name": model.name,
                "task": model.task,
                "schedule": described(model.schedule),
                "enabled": model.enabled,
                "queue": model.queue,
                "last_run_at": model.last_run_at.isoformat() if model.last_run_at else None,
                "total_run_count": model.total_run_count,
                "last_run_ahead": ahead(model.last_run_at),
                "due_in": due_in(model.schedule, model.last_run_at) if model.last_run_at and in_force(model) else None,
            }
        )
    return {"entries": entries}


def in_force(model):
    """Return whether an entry of the database has begun, and not ended. Where times have no zone, that is not known."""
    now = datetime.now(timezone.utc)
    try:
        return (not model.start_time or model.start_time <= now) and (not model.expires or model.expires > now)
    except TypeError:
        return False


READERS = {"file": read_file, "redbeat": read_redbeat, "django": read_django}
