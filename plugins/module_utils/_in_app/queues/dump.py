# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file that a purge writes and a restore reads: lines of JSON.

The first line is the header, then one line follows for each message, then the end with the segments, and, once the
messages are deleted on the broker, a last line that says so. A segment is an unbroken run of messages that is restored
as a whole; its id is what a restore remembers. Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import itertools
import json
import os
import time

from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.base import Refusal

VERSION = 1


class Seal:
    """A digest of messages as they go by, each given as its parts."""

    def __init__(self):
        self._digest = hashlib.sha256()
        self.messages = 0

    def add(self, *parts):
        self.messages += 1
        for part in parts:
            self._digest.update(b"%d:" % len(part))
            self._digest.update(part)

    def hexdigest(self):
        return self._digest.hexdigest()


def packed(name, data):
    """Return bytes as an entry of a line: as text where they are text."""
    try:
        return {name: data.decode("utf-8")}
    except UnicodeDecodeError:
        return {name + "_base64": base64.b64encode(data).decode("ascii")}


def unpacked(name, record):
    """Return the bytes of an entry."""
    if name in record:
        return record[name].encode("utf-8")
    return base64.b64decode(record[name + "_base64"])


def payload(record):
    """Return what the broker gets back of a message, byte for byte."""
    if "raw" in record or "raw_base64" in record:
        return (unpacked("raw", record),)
    return base64.b64decode(record["raw_properties"]), unpacked("body", record)


class Writer:
    """Writes a dump, which has its name only when it is complete and on the disk."""

    def __init__(self, path, header):
        self.path = path
        self.partial = path + ".partial"
        self.complete = False
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(self.partial, flags, 0o600)
        except OSError as error:
            raise unwritable(self.partial, error) from None
        # What an interrupted purge has left here is on the broker still.
        self.stream = os.fdopen(descriptor, "r+b", buffering=1 << 20)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, 0)
        except OSError as error:
            self.stream.close()
            raise unwritable(self.partial, error) from None
        self.line(dict({"taskfleet_dump": VERSION, "created": now()}, **header))

    def line(self, record):
        """Write one line; a disk that is full is the caller's business."""
        try:
            self.stream.write(json.dumps(record, sort_keys=True).encode("ascii") + b"\n")
        except OSError as error:
            raise unwritable(self.partial, error) from None

    def finish(self, segments):
        """Write the end, and give the file its name, under which nothing may be yet."""
        self.line({"end": {"messages": sum(one["messages"] for one in segments), "segments": segments}})
        try:
            self.stream.flush()
            os.fsync(self.stream.fileno())
            os.link(self.partial, self.path)
            self.complete = True
            os.unlink(self.partial)
            sync_directory(self.path)
        except OSError as error:
            raise unwritable(self.path, error) from None
        self.stream.close()

    def abandon(self):
        """Leave nothing behind."""
        try:
            os.unlink(self.partial)
            self.stream.close()
        except OSError:
            pass


class Dump:
    """A complete dump: header, segments, and whether its messages are known to be deleted on the broker."""

    def __init__(self, path):
        self.path = path
        self.header, self.segments, self.deleted = None, None, False
        seals = {}
        for record in lines(path):
            if self.header is None:
                self.header = record
                if record.get("taskfleet_dump") != VERSION:
                    raise Refusal("{0} is no dump of celery_queue_purge of version {1}".format(path, VERSION))
            elif "end" in record:
                self.segments = record["end"]["segments"]
            elif "deleted" in record:
                self.deleted = True
            else:
                seals.setdefault(record["segment"], Seal()).add(*payload(record))
        if self.segments is None:
            raise Refusal("{0} is not a complete dump: its end is missing".format(path))
        sealed = [seals[number].hexdigest() for number in sorted(seals)]
        if sealed != [segment["sha256"] for segment in self.segments]:
            raise Refusal("{0} is damaged: its messages are not those that were written".format(path))

    def messages(self):
        """Yield each segment with its records, which are one after the other in the file."""
        records = (record for record in lines(self.path) if "segment" in record)
        for number, group in itertools.groupby(records, key=lambda record: record["segment"]):
            yield self.segments[number], group

    def counts(self, done=None):
        """Return by queue the number of messages, without those that are done by id of their segment."""
        total = {}
        for segment in self.segments:
            left = segment["messages"] - (done or {}).get(segment["id"], 0)
            total[segment["queue"]] = total.get(segment["queue"], 0) + left
        return total

    def confirm(self):
        """Note that the messages are deleted on the broker."""
        if self.deleted:
            return
        try:
            with open(self.path, "r+b") as stream:
                # A line that was cut off has no end.
                stream.seek(-1, os.SEEK_END)
                torn = stream.read(1) != b"\n"
                stream.write((b"\n" if torn else b"") + json.dumps({"deleted": now()}).encode("ascii") + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise unwritable(self.path, error) from None
        self.deleted = True


def find(path):
    """Return the dump at a path, or None where there is nothing."""
    return Dump(path) if os.path.lexists(path) else None


def lines(path):
    """Yield the records of a dump; the last line may have been cut off by a crash, and then counts for nothing."""
    try:
        with open(path, "rb") as stream:
            for line in stream:
                record = parsed(line)
                if record is not None:
                    yield record
    except OSError as error:
        text = "{0} cannot be read: {1}; correct the path, or let the user of the task read it"
        raise Refusal(text.format(path, error.strerror or error)) from None


def batches(records, size):
    """Yield lists of at most so many records."""
    records = iter(records)
    batch = list(itertools.islice(records, size))
    while batch:
        yield batch
        batch = list(itertools.islice(records, size))


def parsed(line):
    """Return a line's record, or None when it is none."""
    try:
        record = json.loads(line.decode("utf-8"))
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def sync_directory(path):
    """Bring a new name onto the disk."""
    descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unwritable(path, error):
    """Return the refusal for a file that cannot be written."""
    hints = {
        "FileExistsError": "it exists already, and a dump is never written over another",
        "FileNotFoundError": "its directory does not exist; create it",
        "PermissionError": "the user that the helper runs as may not write there; choose a directory of that user",
        "BlockingIOError": "another purge writes to it at this moment",
    }
    reason = hints.get(type(error).__name__) or error.strerror or str(error)
    return Refusal("the dump {0} cannot be written: {1}".format(path, reason))


def now():
    """Return the time in ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
