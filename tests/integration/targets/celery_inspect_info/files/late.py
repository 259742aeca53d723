# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""late.py ROOT URL NODE: asks 100 times while the worker mostly dozes, so that its answers come late."""

from __future__ import annotations

import json
import multiprocessing
import sys
import threading
import time

ASKERS, CALLS, PATIENCE, ASLEEP, AWAKE = 4, 25, 0.3, 1.2, 0.06


def ask(seconds):
    """Ask once, as the module does, and return whether the worker answered."""
    from ansible_collections.taskfleet.celery.plugins.module_utils import _remote_inspect

    arguments = {"app": None, "broker_url": url, "commands": [["ping", {}], ["stats", {}]], "destination": [node]}
    arguments.update(awaited=[node], settle=0, deadline=time.monotonic() + seconds)
    told = _remote_inspect.main(arguments, lambda **_told: None)
    return {"answered": len(told.get("replies", ())) == 2, "broker": told["broker"]["layer"]}


def many(answers):
    """Ask in turn."""
    for _call in range(CALLS):
        answers.put(ask(PATIENCE))


def lull(done):
    """Have the worker doze, and wake for a moment, by turns."""
    from celery import Celery

    app = Celery(broker=url, set_as_current=False)
    while not done.is_set():
        app.control.broadcast("doze", arguments={"seconds": ASLEEP}, destination=[node])
        done.wait(ASLEEP + AWAKE)


root, url, node = sys.argv[1:]
sys.path.insert(0, root)
answers = multiprocessing.Queue()
askers = [multiprocessing.Process(target=many, args=(answers,)) for _asker in range(ASKERS)]
for asker in askers:
    asker.start()
done = threading.Event()
sleeper = threading.Thread(target=lull, args=(done,))
sleeper.start()
told = [answers.get(timeout=60) for _call in range(ASKERS * CALLS)]
done.set()
sleeper.join()
for asker in askers:
    asker.join()
# Behind all the late ones, so they have been answered.
last = ask(20)
print(json.dumps({"late": sum(not one["answered"] for one in told), "calls": len(told), "last": last["answered"]}))
