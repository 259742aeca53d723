# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Empties queues into a dump. Runs inside the application's Python. Private to the collection.

The order is what makes it safe: take the messages so that nobody else gets them and a crash gives them back, write them
down, bring the file to the disk, give it its name, delete the messages, note in the file that they are deleted.
"""

from __future__ import annotations

import contextlib

from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import mask
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.broker import with_queues
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.base import Refusal, in_time
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.dump import Dump, Writer, find
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.store import store_of


def main(arguments, tell):
    """Return purged, dump_to and warnings."""

    def work(queues, names, clock):
        return purge(store_of(queues), names, arguments["dump_to"], arguments["check"], clock)

    return with_queues(arguments, tell, work)


def purge(store, names, path, check, clock):
    """Empty the queues, or finish an earlier purge into the same file."""
    earlier = find(path)
    if earlier and not earlier.deleted:
        return finish(store, earlier, names, check)
    waiting, warnings = store.waiting(names, clock)
    result = {"purged": waiting, "dump_to": path if any(waiting.values()) else None, "warnings": warnings}
    if result["dump_to"] and earlier:
        raise Refusal("{0} holds an earlier purge, and is never written over; choose another dump_to".format(path))
    if result["dump_to"] and not check:
        result["purged"] = dict(dict.fromkeys(names, 0), **write(store, names, path, clock))
        result["dump_to"] = path if any(result["purged"].values()) else None
    return result


def finish(store, earlier, names, check):
    """Finish the purge that wrote a complete dump and could not say that the messages are deleted."""
    here = mask(store.queues.url)
    if (earlier.header["kind"], earlier.header["broker"]) != (store.kind, here):
        text = "{0} is a purge of {1} that was interrupted; finish it there, or choose another dump_to"
        raise Refusal(text.format(earlier.path, earlier.header["broker"]))
    warnings = ["a purge that was interrupted is finished; messages that have arrived since are left"]
    if not check:
        warnings += store.finish(earlier)
        earlier.confirm()
    purged = dict(dict.fromkeys(names, 0), **earlier.counts())
    return {"purged": purged, "dump_to": earlier.path, "warnings": warnings}


def write(store, names, path, clock):
    """Take the messages, write them down, delete them; return by queue how many."""
    writer = Writer(path, {"kind": store.kind, "broker": mask(store.queues.url), "queues": names})
    segments = []
    try:
        segments = store.take(names)
        written = write_down(writer, segments, clock)
        if not written:
            writer.abandon()
            store.put_back(segments)
            return {}
        writer.finish([segment.summary() for segment in written])
    except BaseException:
        if not writer.complete:
            writer.abandon()
            # Where the broker has gone, too, RabbitMQ does it by itself, and on Redis the next purge finds them.
            with contextlib.suppress(Exception):
                store.put_back(segments)
        raise
    store.delete(written)
    dump = Dump(path)
    dump.confirm()
    return dump.counts()


def write_down(writer, segments, clock):
    """Write the messages of the segments; return the segments that have any."""
    written = []
    for segment in segments:
        for record in segment.records():
            in_time(clock)
            # What the segment says of its message wins.
            line = {"queue": segment.queue, "priority": segment.priority, "segment": len(written)}
            writer.line(dict(line, **record))
        if segment.summary()["messages"]:
            written.append(segment)
    return written
