# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import shelve
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import beat

MOMENT = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


class Every:
    """A schedule in the way of Celery's, 30 s after the last run, seen 20 s after it."""

    run_every = timedelta(seconds=30)

    def maybe_make_aware(self, moment):
        return moment

    def remaining_estimate(self, last):
        return last + self.run_every - (MOMENT + timedelta(seconds=20))


def entry(name, last=MOMENT, **more):
    values = {"task": "t", "schedule": Every(), "options": {}, "total_run_count": 3, "args": ["hunter2222"]}
    return SimpleNamespace(name=name, last_run_at=last, **{**values, **more})


def write(path, **items):
    with shelve.open(str(path)) as store:
        store.update(items)


@pytest.mark.parametrize(
    ("scheduler", "path", "source"),
    [
        ("celery.beat:PersistentScheduler", "/x", "file"),
        ("celery.beat:PersistentScheduler", None, None),
        ("shop.schedule:Own", "/x", "file"),
        ("redbeat.RedBeatScheduler", "/x", "redbeat"),
        ("django_celery_beat.schedulers:DatabaseScheduler", None, "django"),
        ("django_celery_beat.schedulers.DatabaseScheduler", None, "django"),
    ],
)
def test_source_of_a_scheduler(scheduler, path, source):
    assert beat.source_of(scheduler, path) == source


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (30, "every 30 s"),
        (0.5, "every 0.5 s"),
        (timedelta(minutes=2), "every 120 s"),
        (Every(), "every 30 s"),
        ("x", "x"),
    ],
)
def test_schedules_in_words(schedule, text):
    assert beat.described(schedule) == text


def test_entry_in_full():
    assert beat.entry_of(entry("tick", options={"queue": "q"})) == {
        "name": "tick",
        "task": "t",
        "schedule": "every 30 s",
        "enabled": True,
        "queue": "q",
        "last_run_at": "2026-01-01T12:00:00+00:00",
        "total_run_count": 3,
        "last_run_ahead": pytest.approx(beat.ahead(MOMENT), abs=3600),
        "due_in": 10.0,
    }


def test_how_far_a_run_is_ahead():
    now = datetime.now(timezone.utc)
    assert beat.ahead(now + timedelta(hours=2)) == pytest.approx(7200, abs=60)
    assert beat.ahead(now - timedelta(hours=2)) == pytest.approx(-7200, abs=60)
    # A time without a zone may be of any.
    assert beat.ahead(datetime(2026, 1, 1)) is None
    assert beat.ahead(None) is None


@pytest.mark.parametrize(("deadline", "due"), [(None, -70.0), (60, None)])
def test_crontab_that_leaves_out_what_is_too_late_is_not_overdue(deadline, due):
    schedule = Every()
    schedule.hour, schedule.app = {1}, SimpleNamespace(conf=SimpleNamespace(beat_cron_starting_deadline=deadline))
    assert beat.due_in(schedule, MOMENT - timedelta(seconds=80)) == due


@pytest.mark.parametrize(
    ("times", "holds"),
    [
        ({}, True),
        ({"start_time": MOMENT}, True),
        ({"start_time": datetime(2999, 1, 1, tzinfo=timezone.utc)}, False),
        ({"expires": MOMENT}, False),
        ({"expires": datetime(2999, 1, 1)}, False),
    ],
)
def test_entry_of_the_database_that_is_in_force(times, holds):
    assert beat.in_force(SimpleNamespace(**{"start_time": None, "expires": None, **times})) is holds


def test_entry_that_cannot_tell_when_it_is_due():
    assert beat.entry_of(entry("tick", schedule="by the moon"))["due_in"] is None


def test_entries_of_the_application():
    schedule = {"b": {"task": "t2", "schedule": 5, "options": {"queue": "q"}, "args": ["hunter2222"]}, "a": entry("a")}
    app = SimpleNamespace(conf=SimpleNamespace(beat_schedule=schedule))
    assert beat.configured(app) == [
        {"name": "a", "task": "t", "schedule": "every 30 s", "queue": None},
        {"name": "b", "task": "t2", "schedule": "every 5 s", "queue": "q"},
    ]


def test_schedule_file_is_read_and_left_alone(tmp_path, monkeypatch):
    """A dbm that beat has open must not be opened by anybody else."""
    path = tmp_path / "schedule"
    write(path, entries={"b": entry("b"), "a": entry("a")}, __version__="5.7.0")
    before = {name: (tmp_path / name).stat() for name in os.listdir(tmp_path)}
    opened = []
    really = shelve.open
    monkeypatch.setattr(shelve, "open", lambda name, flag: opened.append(name) or really(name, flag=flag))
    schedule = beat.read_copy(str(path))
    assert [one["name"] for one in schedule["entries"]] == ["a", "b"]
    assert schedule["written_by"] == "5.7.0"
    assert "hunter" not in str(schedule)
    assert len(opened) == 1
    assert not opened[0].startswith(str(tmp_path))
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in os.listdir(tmp_path)} == {
        name: status.st_mtime_ns for name, status in before.items()
    }


def test_files_of_sqlite_beside_the_schedule_are_part_of_it(tmp_path):
    """Without it, the schedule of a beat under Python 3.13 looks damaged while beat runs."""
    for name in ("schedule", "schedule-wal", "schedule-shm", "schedule.txt"):
        (tmp_path / name).touch()
    assert beat.parts(str(tmp_path / "schedule")) == [
        str(tmp_path / "schedule"),
        str(tmp_path / "schedule-wal"),
    ]


def test_file_that_is_being_written_is_read_a_moment_later(tmp_path, monkeypatch):
    path = tmp_path / "schedule"
    (tmp_path / "schedule").write_bytes(b"half")
    monkeypatch.setattr(beat.time, "sleep", lambda _seconds: finish())

    def finish():
        (tmp_path / "schedule").unlink()
        write(path, entries={"a": entry("a")})

    (only,) = beat.read_file(None, {"schedule_file": str(path)})["entries"]
    assert only["name"] == "a"


def test_damaged_file(tmp_path, monkeypatch):
    monkeypatch.setattr(beat, "PAUSE", 0)
    path = tmp_path / "schedule"
    write(path, entries={"a": entry("a")})
    for name in os.listdir(tmp_path):
        (tmp_path / name).write_bytes(b"garbage" * 100)
    with pytest.raises(Exception, match=r"."):
        beat.read_file(None, {"schedule_file": str(path)})


def test_emptied_file(tmp_path, monkeypatch):
    """As GNU's dbm and SQLite keep it; the dbm that Python has without both takes empty files for no entries."""
    monkeypatch.setattr(beat, "PAUSE", 0)
    (tmp_path / "schedule").touch()
    with pytest.raises(Exception, match="could not be determined"):
        beat.read_file(None, {"schedule_file": str(tmp_path / "schedule")})


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no schedule file"):
        beat.read_file(None, {"schedule_file": str(tmp_path / "schedule")})


def test_file_of_a_beat_that_has_not_written_yet(tmp_path):
    write(tmp_path / "schedule")
    assert beat.read_copy(str(tmp_path / "schedule")) == {"entries": [], "written_by": None}


def test_file_that_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(beat, "LARGEST", 10)
    write(tmp_path / "schedule", entries={})
    with pytest.raises(ValueError, match="it is not read"):
        beat.read_copy(str(tmp_path / "schedule"))
