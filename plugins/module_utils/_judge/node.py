# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rules ask about one node: its evidence, read. Pure. Private to the collection.

Each question answers from all samples there are. What is not known is None, never False.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._common.pools import IN_LOOP
from ansible_collections.taskfleet.celery.plugins.module_utils._common.replies import setting
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import (
    BROKER,
    CONTROL,
    HOST,
    cite,
    known,
    once,
)


class Case:
    """One node, as it was declared, with its evidence and that of the fleet."""

    def __init__(self, declared, evidence, fleet, policy):
        self.declared = declared
        self.evidence = evidence
        self.fleet = fleet
        self.policy = policy
        self.node = evidence["node"]
        self.control = evidence["control"]
        self.host = evidence["host_samples"]
        self.answers = [sample for sample in self.control if sample["answered"]]
        self.asked = [sample for sample in self.control if sample["answered"] is not None]
        self.service = next((s["service"] for s in reversed(self.host) if s["service"]), None)
        self.services = known(sample["service"] for sample in self.host)
        self.beats = self._beats()
        self.beat = self.beats[-1] if self.beats else None

    # -- The sentinel

    def _beats(self):
        """Fresh heartbeats of the process that the service manager runs, the oldest first."""
        beats, seen = [], set()
        for sample in self.host:
            told, main = sample["heartbeat"], self.main_pid_in(sample)
            if told is None or told.get("age") is None or told["age"] > self.policy["stall_after"]:
                continue
            if main and told.get("pid") != main:
                continue
            if told["written_at"] not in seen:
                seen.add(told["written_at"])
                beats.append(told)
        # A restart between the samples makes the earlier ones those of another process.
        return [told for told in beats if told.get("pid") == beats[-1].get("pid")]

    @once
    def stale(self):
        """Heartbeats that nobody wrote any more though the process lives, if all are like that."""
        told = [
            sample["heartbeat"]
            for sample in self.host
            if sample["heartbeat"]
            and sample["heartbeat"].get("age") is not None
            and sample["heartbeat"].get("pid") == self.main_pid_in(sample)
        ]
        return told if told and all(one["age"] > self.policy["stall_after"] for one in told) else []

    # -- Processes

    @staticmethod
    def main_pid_in(sample):
        """The pid of the main process in one look at the host, or None."""
        if sample["service"] and sample["service"].get("main_pid"):
            return sample["service"]["main_pid"]
        return sample["main"]["pid"] if sample["main"] else None

    @property
    def mains(self):
        """The main process in each look, if it is the same in all; else nothing can be said over time."""
        mains = known(sample["main"] for sample in self.host)
        return mains if len({main["pid"] for main in mains}) == 1 else []

    @property
    def running(self):
        """Whether a main process is there. None when not known."""
        if not self.host:
            return None
        last = self.host[-1]
        if last["main"]:
            return True
        return None if last["children"] is None else False

    def pid(self):
        """The pid of the main process, as the host tells it, or None."""
        return self.main_pid_in(self.host[-1]) if self.host else None

    @once
    def pool(self):
        """The name of the pool, or None."""
        told = [(self.beat or {}).get("pool")]
        told += [sample["pool"] for sample in reversed(self.answers)]
        told += [sample["heartbeat"].get("pool") for sample in reversed(self.host) if sample["heartbeat"]]
        told.append((self.declared or {}).get("pool"))
        return next((pool for pool in told if pool), None)

    def in_loop(self):
        """Whether a task keeps the main loop from turning. None when the pool is not known."""
        pool = self.pool()
        return None if pool is None else pool in IN_LOOP

    @once
    def children(self):
        """The pool's processes in each look, or [] if any look lacks them."""
        looks = [sample["children"] for sample in self.host]
        return looks if looks and all(look is not None for look in looks) else []

    # -- Time

    def age(self):
        """Seconds since the main process was started, at the last look, or None."""
        if self.host and self.host[-1]["main"]:
            return self.host[-1]["main"].get("age")
        return None

    def span(self):
        """Seconds from the first look to the last, of any kind."""
        moments = [sample["at"] for sample in self.control + self.host + self.evidence["clients"]]
        looks = [sample["seconds"] or 0 for sample in self.host]
        return max([max(moments) - min(moments), *looks]) if moments else 0

    def now(self):
        """The time of the host at the last look, or that of the controller."""
        clocks = known(sample["clock"] for sample in self.host)
        return clocks[-1] if clocks else self.fleet.evidence["taken_at"]

    def start_grace(self):
        """Seconds that the start may take."""
        return (self.declared or {}).get("start_grace") or self.policy["start_grace"]

    # -- Control plane

    def answers_all(self):
        """Whether every question that could be put was answered. None when none could."""
        return None if not self.asked else len(self.answers) == len(self.asked)

    @once
    def silent(self):
        """A citation, if the node answered nothing in at least two samples."""
        if len(self.asked) < 2 or self.answers:
            return None
        return cite(CONTROL, "answered", [False] * len(self.asked), "no answer to remote control")

    # -- Work

    @once
    def queues(self):
        """The queues that the node says it consumes, in each sample that tells; the sentinel's if there are none."""
        told = known(sample["queues"] for sample in self.answers)
        return told or [sorted(beat["queues"]) for beat in self.beats if isinstance(beat.get("queues"), list)]

    @once
    def its_queues(self):
        """The queues whose work this node should take: those that it consumes, or else those declared for it."""
        told = self.queues()
        consumed = set(told[-1]) if told else set()
        declared = set((self.declared or {}).get("queues") or ())
        return consumed & declared or consumed or declared

    @once
    def waiting(self):
        """A citation, if work waits in one of its queues in at least two samples."""
        for name in sorted(self.its_queues()):
            ready = [sample["ready"] for sample in self.fleet.evidence["queues"].get(name, ())]
            if len(ready) >= 2 and all(ready):
                return cite(BROKER, "queues.{0}.ready".format(name), ready, "work waits in {0}".format(name))
        waiting = [(beat.get("broker") or {}).get("waiting") for beat in self.beats]
        if len(waiting) >= 2 and all(waiting):
            return cite(HOST, "heartbeat.broker.waiting", waiting, "work waits in its queues")
        return None

    def no_work(self):
        """Whether its queues are known to be empty in the last sample."""
        names = self.its_queues()
        last = [self.fleet.evidence["queues"].get(name) for name in names]
        if names and all(samples and samples[-1]["ready"] == 0 for samples in last):
            return True
        return bool(self.beat and (self.beat.get("broker") or {}).get("waiting") == 0)

    @once
    def progress(self):
        """A citation, if the node did work between two samples."""
        for key in ("completed_total", "received_total"):
            totals = known(beat.get(key) for beat in self.beats)
            if len(totals) >= 2 and totals[-1] > totals[0]:
                return cite(HOST, "heartbeat." + key, totals, "tasks went through it")
        # After a restart it counts from 0 again.
        pids = {sample["pid"] for sample in self.answers}
        totals = known(sample["total"] for sample in self.answers)
        if len(totals) >= 2 and len(pids) == 1 and totals[-1] > totals[0]:
            return cite(CONTROL, "stats.total", totals, "tasks went through it")
        return None

    @once
    def flat(self):
        """A citation, if at least two samples show that no task went through it."""
        if self.progress():
            return None
        for key in ("received_total", "completed_total"):
            totals = known(beat.get(key) for beat in self.beats)
            if len(totals) >= 2:
                return cite(HOST, "heartbeat." + key, totals, "no task went through it")
        totals = known(sample["total"] for sample in self.answers)
        if len(totals) >= 2 and len(set(totals)) == 1:
            return cite(CONTROL, "stats.total", totals, "no task went through it")
        return None

    def loads(self, source):
        """How many tasks it has at hand, by the account of the control plane or of the host, in each sample."""
        if source == HOST:
            told = [(_active_count(beat), beat.get("reserved"), beat.get("limited") or 0) for beat in self.beats]
            return [sum(counts) for counts in told if None not in counts]
        return [
            len(sample["active"]) + len(sample["reserved"])
            for sample in self.answers
            if sample["active"] is not None and sample["reserved"] is not None
        ]

    @once
    def busy_slots(self):
        """How many tasks run in the last sample, or None."""
        if self.beat and _active_count(self.beat) is not None:
            return _active_count(self.beat)
        told = known(sample["active"] for sample in self.answers)
        return len(told[-1]) if told else None

    @once
    def empty_handed(self):
        """A citation, if it had no task at all in at least two samples, by every account of it."""
        accounts = [(source, self.loads(source)) for source in (CONTROL, HOST)]
        if any(any(loads) for _source, loads in accounts) or any(self.scheduled()):
            return None
        for source, loads in accounts:
            if len(loads) >= 2:
                return cite(source, "active + reserved", loads, "it has no task at hand")
        return None

    @once
    def scheduled(self):
        """How many tasks wait in it for their time, in each sample that tells."""
        return known(sample["scheduled"] for sample in self.answers)

    @once
    def limited(self):
        """How many tasks wait in it for their rate limit, by its sentinel's account, in each sample that tells."""
        return known(beat.get("limited") for beat in self.beats)

    @once
    def held_by_eta(self):
        """A citation, if tasks that wait for their time are at hand in at least two samples."""
        counts = self.scheduled()
        if len(counts) >= 2 and all(counts):
            return cite(CONTROL, "scheduled", counts, "tasks wait in it for their time")
        return None

    @once
    def held_by_limit(self):
        """A citation, if tasks that wait for their rate limit are at hand in at least two samples.

        Remote control has them neither among the active nor among the reserved: the sentinel counts them, and where
        there is none, so does the broker: nobody who takes from the queue accounts for them.
        """
        counts = self.limited()
        if counts:
            told = cite(HOST, "heartbeat.limited", counts, "tasks wait in it for their rate limit")
            return told if len(counts) >= 2 and all(counts) else None
        return self.unaccounted() if self.rate_limited() else None

    def may_hold_limited(self):
        """Whether it may be holding tasks for a rate limit, as far as is known."""
        if self.limited():
            return any(self.limited())
        samples = [sample for name in self.its_queues() for sample in self.fleet.evidence["queues"].get(name, ())]
        return self.rate_limited() is not False and any(sample["unacked"] != 0 for sample in samples)

    @once
    def unacked(self):
        """A citation, if tasks of one of its queues are unacknowledged in at least two samples, whoever has them."""
        for name in sorted(self.its_queues()):
            unacked = [sample["unacked"] for sample in self.fleet.evidence["queues"].get(name, ())]
            if len(unacked) >= 2 and all(unacked):
                says = "a worker of the queue has tasks at hand"
                return cite(BROKER, "queues.{0}.unacked".format(name), unacked, says)
        return None

    def unaccounted(self):
        """A citation, if more of its tasks are unacknowledged than all who could have them tell of."""
        unacked = self.unacked()
        told = self.fleet.accounted(self.its_queues()) if unacked else None
        return unacked if told is not None and min(unacked["readings"]) > told else None

    def rate_limited(self):
        """Whether tasks may wait in it for a rate limit. None when not known."""
        told = known(sample["rate_limits"] for sample in self.answers)
        default = known(setting(sample["conf"] or {}, "task_default_rate_limit") for sample in self.answers)
        declared = (self.declared or {}).get("rate_limits")
        if default or any(told) or declared:
            return True
        return False if told or declared is not None else None

    @once
    def concurrency(self):
        """How many tasks it runs at once, or None."""
        told = [(self.beat or {}).get("concurrency")]
        told += [sample["concurrency"] for sample in reversed(self.answers)]
        told.append((self.declared or {}).get("concurrency"))
        return next((number for number in told if number), None)

    @once
    def tasks(self):
        """The running tasks at the last look: id, name, age, hard, in seconds by the clock of the worker."""
        for beat in [*reversed(self.beats), *reversed(self.stale())]:
            if isinstance(beat.get("active"), list):
                now = beat["written_at"] + beat["age"]
                return [self._task(task, now) for task in beat["active"]]
        for sample in reversed(self.answers):
            if sample["active"] is not None:
                now = sample["at"] + (self.clock_offset() or 0)
                return [self._task(task, now) for task in sample["active"]]
        return []

    def _task(self, task, now):
        limits = (self.declared or {}).get("limits") or {}
        started = task.get("started")
        return {
            "id": task.get("id"),
            "name": task.get("name"),
            "pid": task.get("pid"),
            "started": started,
            "age": None if started is None else max(now - started, 0),
            "hard": task.get("hard") or limits.get("hard"),
        }

    def explained(self):
        """The task that lawfully keeps the loop of this pool from turning, or None."""
        if not self.in_loop():
            return None
        for task in self.tasks():
            if task["age"] is None or not task["hard"] or task["age"] <= task["hard"] + self.policy["overrun_grace"]:
                return task
        return None

    def clock_offset(self):
        """Seconds that the clock of the host is ahead, or None."""
        offsets = known(sample["clock_offset"] for sample in self.fleet.host(self.evidence["host"])["samples"])
        return offsets[-1] if offsets else None

    # -- The processor

    @once
    def cpu(self):
        """Share of one processor that the worker with its children took during the looks, or None."""
        used = seconds = 0
        for sample in self.host:
            if sample["main"] and sample["seconds"]:
                processes = [sample["main"], *(sample["children"] or ()), *(sample["others"] or ())]
                used += sum(process.get("cpu_seconds") or 0 for process in processes if not process.get("new"))
                seconds += sample["seconds"]
        return used / seconds if seconds else None

    @once
    def asleep(self):
        """A citation, if the main thread did not wake up once in all looks, which took at least two seconds."""
        looks = [
            (s["main"].get("switches"), s["main"].get("cpu_seconds"), s["seconds"] or 0) for s in self.host if s["main"]
        ]
        if len(looks) < len(self.host) or not self.mains or sum(look[2] for look in looks) < 2:
            return None
        if any(switches is None or switches or cpu for switches, cpu, _seconds in looks):
            return None
        # Each look has two readings.
        return cite(
            HOST, "main.switches", [look[0] for look in looks], "its main thread did not wake up", 2 * len(looks)
        )


def _active_count(beat):
    if beat.get("active_count") is not None:
        return beat["active_count"]
    return None if beat.get("active") is None else len(beat["active"])
