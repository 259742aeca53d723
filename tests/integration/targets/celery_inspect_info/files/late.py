# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""late.py ROOT URL NODE: asks a hundred times while the worker mostly dozes, so that its answers come late."""

from __future__ import annotations

import json
import multiprocessing
import sys
import threading
import time

root, url, node = sys.argv[1:]
sys.path.insert(0, root)

from ansible_collections.taskfleet.celery.tests.waiting import PATIENCE

ASKERS, CALLS, LATE, IMPATIENCE, ASLEEP, AWAKE = 4, 100, 50, 0.3, 1.2, 0.06


def ask(seconds):
    """Ask once, as the module does, and return whether the worker answered."""
    from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import inspect

    arguments = {"app": None, "broker_url": url, "commands": [["ping", {}], ["stats", {}]], "destination": [node]}
    arguments.update(awaited=[node], settle=0, deadline=time.monotonic() + seconds)
    result = inspect.main(arguments, lambda **_partial: None)
    return {"answered": len(result.get("replies", ())) == 2, "broker": result["broker"]["layer"]}


def many(answers, done):
    """Ask in turn."""
    while not done.is_set():
        answers.put(ask(IMPATIENCE)["answered"])


def enough(outcomes):
    """Tell whether there were so many calls, and so many late answers; how many of the calls these are, chance decides."""
    return len(outcomes) >= CALLS and outcomes.count(False) >= LATE


def lull(done):
    """Have the worker doze, and wake for a moment, by turns."""
    from celery import Celery

    app = Celery(broker=url, set_as_current=False)
    while not done.is_set():
        app.control.broadcast("doze", arguments={"seconds": ASLEEP}, destination=[node])
        done.wait(ASLEEP + AWAKE)


answers, done = multiprocessing.Queue(), multiprocessing.Event()
askers = [multiprocessing.Process(target=many, args=(answers, done)) for _asker in range(ASKERS)]
for asker in askers:
    asker.start()
sleeper = threading.Thread(target=lull, args=(done,))
sleeper.start()
outcomes, end = [], time.monotonic() + PATIENCE
while not enough(outcomes) and time.monotonic() < end:
    outcomes.append(answers.get(timeout=PATIENCE))
done.set()
sleeper.join()
for asker in askers:
    asker.join()
# Behind all the late ones, so they have been answered. It is asked again, as on a machine that stands still for a moment
# the broker is given up.
last = any(ask(PATIENCE)["answered"] for _try in range(3))
print(json.dumps({"late": outcomes.count(False), "calls": len(outcomes), "last": last}))
