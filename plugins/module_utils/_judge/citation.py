# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words that all rules speak: what was found, and the evidence that decided it. Pure. Private to the collection."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import wraps

HOST, BROKER, CONTROL = "host", "broker", "control"


def cite(source, item, readings, says, samples=None):
    """Return one piece of evidence that decided: where it is from, what it was in each sample, and what it says."""
    readings = list(readings)
    return {"source": source, "item": item, "readings": readings, "samples": samples or len(readings), "says": says}


def found(reason, activity, cause, cites=(), since=None, **more):
    """Return what a rule has found."""
    return dict(more, reason=reason, activity=activity, cause=cause, cites=list(cites), since=since)


def moment(seconds):
    """Return a time of the epoch in UTC as a text, or None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def known(values):
    """Return those that are not None."""
    return [value for value in values if value is not None]


def seconds_text(seconds):
    """Return a duration in the words of an operator."""
    seconds = int(seconds)
    if seconds < 120:
        return "{0} s".format(seconds)
    if seconds < 7200:
        return "{0} min".format(seconds // 60)
    return "{0} h".format(seconds // 3600)


def once(question):
    """The rules ask the same over and over, and evidence does not change."""
    name = "_" + question.__name__

    @wraps(question)
    def answer(self):
        if name not in self.__dict__:
            self.__dict__[name] = question(self)
        return self.__dict__[name]

    return answer
