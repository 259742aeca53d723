# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the worker's own sentinel says, in its heartbeats. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import known, once
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.host import main_pid


class Heartbeats:
    """The heartbeats that the looks at the host have found; ``last`` is the last fresh one."""

    def __init__(self, samples, stall_after):
        self._samples = samples
        self._stall_after = stall_after
        self.found = [sample["heartbeat"] for sample in samples if sample["heartbeat"]]
        self.last_found = self.found[-1] if self.found else None
        self.fresh = self._fresh()
        self.last = self.fresh[-1] if self.fresh else None

    def _fresh(self):
        """Fresh heartbeats of the process that the service manager runs, the oldest first, each once."""
        fresh, seen = [], set()
        for sample in self._samples:
            heartbeat, main = sample["heartbeat"], main_pid(sample)
            if heartbeat is None or heartbeat.get("age") is None or heartbeat["age"] > self._stall_after:
                continue
            if main and heartbeat.get("pid") != main:
                continue
            if heartbeat["written_at"] not in seen:
                seen.add(heartbeat["written_at"])
                fresh.append(heartbeat)
        # A restart between the samples makes the earlier ones those of another process.
        return [heartbeat for heartbeat in fresh if heartbeat.get("pid") == fresh[-1].get("pid")]

    @once
    def stale(self):
        """Heartbeats that nobody wrote any more though the process lives, if all are like that."""
        own = [
            sample["heartbeat"]
            for sample in self._samples
            if sample["heartbeat"]
            and sample["heartbeat"].get("age") is not None
            and sample["heartbeat"].get("pid") == main_pid(sample)
        ]
        return own if own and all(heartbeat["age"] > self._stall_after for heartbeat in own) else []

    # -- What the fresh ones say

    def latest(self, key):
        """What the last fresh one says under this key, or None."""
        return (self.last or {}).get(key)

    def readings(self, key):
        """What each says under this key, of those that say anything."""
        return known(heartbeat.get(key) for heartbeat in self.fresh)

    def states(self):
        """The state in each."""
        return [heartbeat.get("state") for heartbeat in self.fresh]

    def problems(self):
        """The problem that the sentinel finds in each, or an empty text."""
        return [heartbeat.get("problem") or "" for heartbeat in self.fresh]

    def of_broker(self, key):
        """What the sentinel's own question to the broker brought, in each."""
        return [(heartbeat.get("broker") or {}).get(key) for heartbeat in self.fresh]

    def confirmed(self):
        """Whether the sentinel says that the worker works, and is in touch with the broker, right now."""
        broker = self.latest("broker") or {}
        return bool(
            self.last
            and self.last.get("state") == "ready"
            and not self.last.get("problem")
            and broker.get("connected")
            and broker.get("reachable") is not False
        )

    def busy_slots(self):
        """How many tasks run, in each; None in one that does not say."""
        return [_active_count(heartbeat) for heartbeat in self.fresh]

    def loads(self):
        """How many tasks the worker has at hand, in each that says."""
        counts = [
            (_active_count(heartbeat), heartbeat.get("reserved"), heartbeat.get("limited") or 0)
            for heartbeat in self.fresh
        ]
        return [sum(each) for each in counts if None not in each]


def _active_count(heartbeat):
    if heartbeat.get("active_count") is not None:
        return heartbeat["active_count"]
    return None if heartbeat.get("active") is None else len(heartbeat["active"])
