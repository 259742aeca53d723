# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ends services by steps that each leave them the chance to end their tasks, and starts them. Private to the collection."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.taskfleet.celery.plugins.module_utils._observe.process_tree import family, look, parents
from ansible_collections.taskfleet.celery.plugins.module_utils._service.errors import ServiceError
from ansible_collections.taskfleet.celery.plugins.module_utils._service.steps import RUNNING

# What is left for the kernel to end a process that was killed.
KILLED_WITHIN = 10
POLL = 0.2


def untouched(service):
    """Return the outcome of a service that nothing was done to."""
    facts = {"before_pid": 0, "after_pid": 0, "signal": "", "asked": False, "seconds": 0.0, "error": ""}
    return dict(facts, service=service["service"])


def take_all(new_manager, services, quit_patience):
    """Take the steps of all services, and return what came of each, in their order.

    They end at once, for that is mostly waiting. They start one after another, for that takes the processor.
    """
    starting = threading.Lock()

    def take(service):
        outcome = untouched(service)
        begun = time.monotonic()
        try:
            _take(new_manager(), service, quit_patience, starting, outcome)
        except ServiceError as error:
            outcome["error"] = str(error)
        return dict(outcome, seconds=round(time.monotonic() - begun, 1))

    with ThreadPoolExecutor(max_workers=len(services)) as threads:
        return list(threads.map(take, services))


def _take(manager, service, quit_patience, starting, outcome):
    """Take the steps of the action, and tell what came of each as soon as it is known."""
    name, action = service["service"], service["action"]
    outcome["before_pid"] = main_pid(manager, name)
    if action == "stacks":
        outcome["asked"] = ask_for_stacks(outcome["before_pid"])
    if action in ("restart", "stop"):
        outcome["signal"] = stop(manager, name, service["patience"], service["soft_shutdown"] + quit_patience)
    if action in ("restart", "start"):
        with starting:
            manager.start(name, service["start_timeout"])
    outcome["after_pid"] = main_pid(manager, name)


def main_pid(manager, name):
    """Return the pid of the main process, 0 for none."""
    return manager.status([name]).get(name, {}).get("main_pid") or 0


def stop(manager, name, patience, quit_patience):
    """End a service, and return the signal that did it: TERM, QUIT or KILL. An empty text if it did not run.

    The service manager sends TERM, on which a worker takes no more tasks and ends those that it runs. Processes that a
    signal has stopped are let go on, or they would never get it.
    """
    pid = main_pid(manager, name)
    if not _runs(manager, name):
        return ""
    manager.begin_stop(name)
    _send(_stopped(pid), signal.SIGCONT)
    if _ended(manager, name, patience):
        return "TERM"
    _send([pid], signal.SIGQUIT)
    if _ended(manager, name, quit_patience):
        return "QUIT"
    _send(_tree(pid), signal.SIGKILL)
    if _ended(manager, name, KILLED_WITHIN):
        return "KILL"
    raise ServiceError("{0} did not end within {1} s after KILL; a device may hold it".format(name, KILLED_WITHIN))


def ask_for_stacks(pid, proc="/proc"):
    """Let Celery write the stacks of all threads into its log; tell whether the process listens to that at all.

    To one that does not, the signal would be the end.
    """
    if not pid or not _catches(pid, signal.SIGUSR1, proc):
        return False
    return bool(_send([pid], signal.SIGUSR1))


def _catches(pid, number, proc):
    try:
        with open(os.path.join(proc, str(pid), "status"), encoding="utf-8") as stream:
            caught = next((line.split()[1] for line in stream if line.startswith("SigCgt:")), "0")
    except OSError:
        return False
    return bool(int(caught, 16) >> (number - 1) & 1)


def _runs(manager, name):
    return manager.status([name]).get(name, {}).get("active") in RUNNING


def _ended(manager, name, seconds):
    end = time.monotonic() + seconds
    while _runs(manager, name):
        if time.monotonic() >= end:
            return False
        time.sleep(POLL)
    return True


def _tree(pid):
    return family(pid, parents()) if pid else []


def _stopped(pid):
    return [one for one, facts in look(_tree(pid)).items() if facts["state"] in ("T", "t")]


def _send(pids, number):
    """Signal those that are still there, and return them."""
    reached = []
    for pid in filter(None, pids):
        try:
            os.kill(pid, number)
            reached.append(pid)
        except ProcessLookupError:
            continue
    return reached
