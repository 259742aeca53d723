# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host shows of one service: the service manager's words, and the processes. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import (
    HOST,
    cite,
    known,
    once,
)


def main_pid(sample):
    """The pid of the main process in one look at the host, or None."""
    if sample["service"] and sample["service"].get("main_pid"):
        return sample["service"]["main_pid"]
    return sample["main"]["pid"] if sample["main"] else None


class HostEvidence:
    """A worker, beat or Flower, in all looks at its host."""

    def __init__(self, samples):
        self.samples = samples
        self.service = next((sample["service"] for sample in reversed(samples) if sample["service"]), None)

    def service_readings(self, key):
        """What the service manager says under this key, in each look in which it says anything."""
        return [sample["service"][key] for sample in self.samples if sample["service"]]

    # -- The main process

    @property
    def mains(self):
        """The main process in each look, if it is the same in all; else nothing can be said over time."""
        mains = known(sample["main"] for sample in self.samples)
        return mains if len({main["pid"] for main in mains}) == 1 else []

    @property
    def running(self):
        """Whether a main process is there. None when not known."""
        if not self.samples:
            return None
        last = self.samples[-1]
        if last["main"]:
            return True
        return None if last["children"] is None else False

    def pid(self):
        """The pid of the main process at the last look, or None."""
        return main_pid(self.samples[-1]) if self.samples else None

    def age(self):
        """Seconds since the main process was started, at the last look, or None."""
        if self.samples and self.samples[-1]["main"]:
            return self.samples[-1]["main"].get("age")
        return None

    @once
    def asleep(self):
        """A citation, if the main thread did not wake up once in all looks, which took at least two seconds."""
        looks = [
            (sample["main"].get("switches"), sample["main"].get("cpu_seconds"), sample["seconds"] or 0)
            for sample in self.samples
            if sample["main"]
        ]
        if len(looks) < len(self.samples) or not self.mains or sum(look[2] for look in looks) < 2:
            return None
        if any(switches is None or switches or cpu for switches, cpu, _seconds in looks):
            return None
        # Each look has two readings.
        return cite(
            HOST, "main.switches", [look[0] for look in looks], "its main thread did not wake up", 2 * len(looks)
        )

    # -- All its processes

    @once
    def children(self):
        """The pool's processes in each look, or [] if any look lacks them."""
        looks = [sample["children"] for sample in self.samples]
        return looks if looks and all(look is not None for look in looks) else []

    @once
    def cpu(self):
        """Share of one processor that the main process with its children took during the looks, or None."""
        used = seconds = 0
        for sample in self.samples:
            if sample["main"] and sample["seconds"]:
                processes = [sample["main"], *(sample["children"] or ()), *(sample["others"] or ())]
                used += sum(process.get("cpu_seconds") or 0 for process in processes if not process.get("new"))
                seconds += sample["seconds"]
        return used / seconds if seconds else None
