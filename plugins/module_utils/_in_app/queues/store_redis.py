# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes messages off lists of Redis and puts them back.

A purge renames the lists, so that nobody else touches what it writes down; a renamed list outlives a crash under a name
that the next purge looks for. A restore fills a list of its own and puts it in place in one step, in which it also
notes that it did. Nothing of a purge needs memory on the server, which may be what the server is short of. Runs inside
the application's Python. Private to the collection.
"""

from __future__ import annotations

import hashlib
import os

from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.base import Refusal, in_time
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.dump import (
    Seal,
    batches,
    now,
    packed,
    payload,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.redis import SLOTS, described

# Messages of one command.
BATCH = 200
# Seconds after which the server drops what a restore has brought there and not put in place.
STAGED = 3600

# The lists that a purge finds set aside are those of purges that were interrupted, at most as many as there are slots.
TAKE = """
local slots = tonumber(ARGV[1])
for i = 1, #KEYS, 2 do
    local kind = redis.call('TYPE', KEYS[i]).ok
    if kind ~= 'list' and kind ~= 'none' then
        return redis.error_reply('WRONGTYPE ' .. KEYS[i] .. ' is a ' .. kind .. ', not a list')
    end
    if redis.call('EXISTS', KEYS[i + 1] .. slots) == 1 then
        return redis.error_reply('FULL ' .. KEYS[i + 1] .. slots .. ' is in use')
    end
end
for i = 1, #KEYS, 2 do
    if redis.call('EXISTS', KEYS[i]) == 1 then
        local number = slots
        while number > 1 and redis.call('EXISTS', KEYS[i + 1] .. (number - 1)) == 0 do
            number = number - 1
        end
        redis.call('RENAME', KEYS[i], KEYS[i + 1] .. number)
        redis.call('PERSIST', KEYS[i + 1] .. number)
    end
end
return redis.status_reply('OK')
"""

# Returns the first list that is not what was written down. One that has gone was deleted by another purge, whose dump
# holds the same segment.
DELETE = """
local function changed(i)
    local arguments = 4 * (i - 2)
    local length = redis.call('LLEN', KEYS[i])
    return length > 0 and (length ~= tonumber(ARGV[arguments + 1])
        or redis.call('LINDEX', KEYS[i], 0) ~= ARGV[arguments + 2]
        or redis.call('LINDEX', KEYS[i], -1) ~= ARGV[arguments + 3])
end
for i = 2, #KEYS do
    if changed(i) then
        return KEYS[i]
    end
end
for i = 2, #KEYS do
    if redis.call('UNLINK', KEYS[i]) == 1 then
        redis.call('HDEL', KEYS[1], ARGV[4 * (i - 2) + 4])
    end
end
return false
"""

# Puts a list at the end of another from which messages are taken, and notes it. What writes first may be refused for
# want of memory; after that the server lets a script finish.
PLACE = """
local note = ARGV[2]
if note ~= '' and redis.call('HEXISTS', KEYS[3], note) == 1 then
    redis.call('DEL', KEYS[1])
    return -1
end
local kind = redis.call('TYPE', KEYS[2]).ok
if kind ~= 'list' and kind ~= 'none' then
    return redis.error_reply('WRONGTYPE ' .. KEYS[2] .. ' is a ' .. kind .. ', not a list')
end
local length = redis.call('LLEN', KEYS[1])
if length ~= tonumber(ARGV[1]) then
    return -2
end
if note ~= '' then
    redis.call('HSET', KEYS[3], note, ARGV[3])
end
local waiting = redis.call('LLEN', KEYS[2])
if waiting <= length then
    redis.call('PERSIST', KEYS[1])
    for _ = 1, waiting do
        redis.call('RPOPLPUSH', KEYS[2], KEYS[1])
    end
    redis.call('RENAME', KEYS[1], KEYS[2])
else
    for _ = 1, length do
        redis.call('RPUSH', KEYS[2], redis.call('LPOP', KEYS[1]))
    end
end
return length
"""


class RedisStore:
    """What a purge and a restore do with the queues on Redis."""

    kind = "redis"

    def __init__(self, queues):
        self.queues = queues
        self.client = queues.client
        self.journal = queues.prefix + "_taskfleet.restored"

    # -- Purge

    def waiting(self, names, clock):
        """Return by queue how many messages a purge would take, and what to warn of."""
        counts, _heads, _now = self.queues.counts(names)
        held = self.queues.held(names)
        total, warnings = {}, []
        for name in names:
            errors = [length for length in counts[name].values() if isinstance(length, Exception)]
            if errors:
                raise errors[0]
            total[name] = sum(counts[name].values()) + held[name]
            if held[name]:
                text = "{0}: {1} of the messages were set aside by a purge that was interrupted"
                warnings.append(text.format(name, held[name]))
        empty = {name for name in names if not total[name]}
        for name in sorted(self.queues.absent(empty, clock) or ()):
            warnings.append("{0}: there is no such queue, or no worker and no task has used it yet".format(name))
        return total, warnings

    def take(self, names):
        """Set all lists of the queues aside in one step; return the segments, the newest first within a list."""
        lists = [(name, step, key) for name in names for step, key in self.queues.lists(name).items()]
        keys = []
        for _name, _step, key in lists:
            keys += [self.queues.prefix + key, self.queues.slot(key, "")]
        if keys:
            self.client.eval(TAKE, len(keys), *keys, SLOTS)
        return self.held(lists)

    def held(self, lists):
        """Return the segments that are set aside."""
        pipe = self.client.pipeline(transaction=False)
        numbers = range(SLOTS, 0, -1)
        slots = [(name, step, self.queues.slot(key, number)) for name, step, key in lists for number in numbers]
        for _name, _step, slot in slots:
            pipe.llen(slot)
        found = zip(slots, pipe.execute())
        return [Segment(self.client, name, step, slot, length) for (name, step, slot), length in found if length]

    def put_back(self, segments):
        """Undo take, as far as the server allows; a later purge finds the rest."""
        for segment in segments:
            target = self.queues.prefix + self.queues.list_name(segment.queue, segment.priority)
            self.client.eval(PLACE, 3, segment.slot, target, self.journal, segment.length, "", "")

    def delete(self, segments):
        """Delete what is written down, in one step, and forget that the same was restored before."""
        if not segments:
            return
        keys = [self.journal] + [segment.slot for segment in segments]
        arguments = []
        for segment in segments:
            arguments += [segment.length, segment.first, segment.last, segment.id()]
        changed = self.client.eval(DELETE, len(keys), *keys, *arguments)
        if changed:
            text = "{0} was changed while it was written down; nothing was deleted. Run the purge again"
            raise Refusal(text.format(changed.decode("utf-8", "replace")))

    def finish(self, dump):
        """Delete what an interrupted purge had written down completely; return what to warn of."""
        written = {segment["id"] for segment in dump.segments}
        lists = sorted({(one["queue"], one["priority"]) for one in dump.segments})
        segments = self.held([(name, step, self.queues.list_name(name, step)) for name, step in lists])
        for segment in segments:
            for _record in segment.records():
                pass
        self.delete([segment for segment in segments if segment.id() in written])
        return []

    # -- Restore

    def restored(self, dump):
        """Return by id of the segment how many messages are in place already."""
        found = self.client.hmget(self.journal, [segment["id"] for segment in dump.segments])
        return {one["id"]: one["messages"] for one, when in zip(dump.segments, found) if when is not None}

    def check(self, dump):
        """Refuse what cannot be restored here."""
        lost = sorted({one["priority"] for one in dump.segments} - set(self.queues.steps))
        if lost:
            text = "the dump has priority {0}, for which there is no list: priority_steps is {1}; set transport_options"
            raise Refusal(text.format(lost[0], self.queues.steps))

    def restore(self, dump, clock):
        """Put the segments in place, each in one step; return by queue how many messages this call has put there."""
        done, placed = self.restored(dump), dict.fromkeys(dump.counts(), 0)
        for segment, records in dump.messages():
            if segment["id"] not in done and self.place(segment, records, clock):
                placed[segment["queue"]] += segment["messages"]
        return placed

    def place(self, segment, records, clock):
        """Bring a segment to the server and put it in place; return False when another restore was quicker."""
        staging = "{0}_taskfleet.restore.{1}".format(self.queues.prefix, os.urandom(8).hex())
        try:
            for batch in batches(records, BATCH):
                in_time(clock)
                pipe = self.client.pipeline(transaction=True)
                pipe.rpush(staging, *(payload(record)[0] for record in batch))
                pipe.expire(staging, STAGED)
                pipe.execute()
            target = self.queues.prefix + self.queues.list_name(segment["queue"], segment["priority"])
            arguments = (segment["messages"], segment["id"], now())
            result = self.client.eval(PLACE, 3, staging, target, self.journal, *arguments)
        except BaseException:
            self.client.delete(staging)
            raise
        if result == -2:
            text = (
                "Redis has dropped messages that the restore brought there; look at maxmemory-policy, and run it again"
            )
            raise Refusal(text)
        return result >= 0


class Segment:
    """A list that is set aside."""

    def __init__(self, client, queue, priority, slot, length):
        self.client, self.queue, self.priority, self.slot, self.length = client, queue, priority, slot, length
        self.first = self.last = b""
        self.seal = None

    def records(self):
        """Yield the messages as lines of a dump."""
        self.seal = Seal()
        for start in range(0, self.length, BATCH):
            for raw in self.client.lrange(self.slot, start, min(start + BATCH, self.length) - 1):
                if not self.seal.messages:
                    self.first = raw
                self.last = raw
                self.seal.add(raw)
                yield dict(described(raw), **packed("raw", raw))
        if self.seal.messages != self.length:
            raise Refusal("another purge of {0} runs at this moment; its dump holds the messages".format(self.queue))

    def id(self):
        """Return what a restore remembers. It is that of the content: written down twice, it is restored once."""
        content = "{0}\0{1}\0{2}".format(self.queue, self.priority, self.seal.hexdigest())
        return hashlib.sha256(content.encode("utf-8")).hexdigest()

    def summary(self):
        """Return the segment for the end of a dump."""
        part = {"queue": self.queue, "priority": self.priority, "messages": self.length}
        return dict(part, id=self.id(), sha256=self.seal.hexdigest())
