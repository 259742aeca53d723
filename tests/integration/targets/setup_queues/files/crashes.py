# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kills purges and restores at every point, runs them again, and compares the queues byte for byte.

crashes.py URL PYTHON DIRECTORY COLLECTIONS
    PYTHON has Celery, DIRECTORY gets one of its own for dumps, COLLECTIONS holds ansible_collections. The queues are filled already.
    Prints how often it killed what.
"""

from __future__ import annotations

import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

# ansible-test runs a copy of the targets alone, below the collection.
sys.path.insert(0, re.sub("/tests/(output|integration)/.*", "/tests", __file__))

from waiting import PATIENCE

HERE = pathlib.Path(__file__).parent
QUEUES = ["celery", "prio", "quo"]
# How often to ask a broker that a helper could not reach: on a machine that stands still for a moment, its time for that is over.
TRIES = 3
# Rounds in which the runs after a crash may crash, too.
ROUNDS = 4


def started(python, program, *arguments):
    """Start one of the programs here, which answers a line with a line of JSON."""
    command = [python, str(HERE / program), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def asked(process, question):
    """Return its answer."""
    print(question, file=process.stdin, flush=True)
    return json.loads(process.stdout.readline() or sys.exit(f"{process.args[1]} has ended"))


class Broker:
    """Runs the helpers of the modules, and the oracle."""

    def __init__(self, url, python, directory, collections):
        self.url, self.directory = url, pathlib.Path(tempfile.mkdtemp(dir=directory))
        self.number = 0
        # One of each for all: there are some hundred questions, and they take their time to start.
        self.oracle = started(python, "oracle.py", "serve", url)
        self.helpers = started(python, "killed.py", collections)

    def snapshot(self):
        snapshot = asked(self.oracle, "snapshot")
        if not self.url.startswith("redis"):
            # A crash of any client changes it in a quorum queue.
            del snapshot["in_order"]
            asked(self.oracle, "forget")
        return snapshot

    def run(self, what, path, crash_at=0):
        """Return what the helper returned, or None when it was killed."""
        for _try in range(TRIES):
            arguments = {
                "app": None, "broker_url": self.url, "transport_options": {}, "deadline": time.monotonic() + PATIENCE,
                "queues": QUEUES if what == "purge" else [], "check": False, "dump_to": path, "dump_from": path,
            }  # fmt: skip
            reply = asked(self.helpers, json.dumps([what, arguments, crash_at]))
            if reply is None or reply.get("broker", {}).get("reachable"):
                break
        wanted = {"purge": "purged", "restore": "restored"}[what]
        if (reply is None and not crash_at) or (reply is not None and wanted not in reply):
            sys.exit(f"{what} with a crash at {crash_at}: {reply}")
        return reply

    def dump(self):
        self.number += 1
        return str(self.directory / f"dump-{self.number}.jsonl")


def compare(broker, before, what):
    """End the test when a message was lost, doubled, changed or moved."""
    after = broker.snapshot()
    if after != before:
        sys.exit(f"{what}: expected {before}, found {after}")


def every_crash(broker, before, crashing):
    """Crash one of the two at each point in turn."""
    for crash_at in range(1, 10000):
        path = broker.dump()
        replies = {}
        for what in ("purge", "restore"):
            replies[what] = broker.run(what, path, crash_at if what == crashing else 0)
            if replies[what] is None:
                broker.run(what, path)
        compare(broker, before, f"{crashing} killed at {crash_at}")
        if replies[crashing] is not None:
            return crash_at - 1
    return None


def another_file(broker, before):
    """A purge that was killed is run again with another file; what is not finished is not restored."""
    for crash_at in range(1, 10000):
        paths = [broker.dump(), broker.dump()]
        if broker.run("purge", paths[0], crash_at) is not None:
            broker.run("restore", paths[0])
            return crash_at - 1
        second = broker.run("purge", paths[1])
        # Killed when all was deleted, and only the note was missing.
        source = paths[1] if second["dump_to"] else paths[0]
        if source == paths[0]:
            broker.run("purge", source)
        broker.run("restore", source)
        compare(broker, before, f"purge killed at {crash_at} and run again with another file")
    return None


def many_crashes(broker, before, last):
    """Crash at random, again and again, until it comes through."""
    chance = random.Random(4)
    crashes = 0
    for number in range(ROUNDS):
        path = broker.dump()
        for what in ("purge", "restore"):
            for _turn in range(4):
                if broker.run(what, path, chance.randint(1, last[what] + 2)) is not None:
                    break
                crashes += 1
            broker.run(what, path)
        compare(broker, before, f"round {number} of many crashes")
    return crashes


def main():
    broker = Broker(*sys.argv[1:5])
    before = broker.snapshot()
    last = {what: every_crash(broker, before, what) for what in ("purge", "restore")}
    summary = {
        "messages": before["messages"],
        "killed": last,
        "killed_and_another_file": another_file(broker, before),
        "killed_again_and_again": many_crashes(broker, before, last),
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
