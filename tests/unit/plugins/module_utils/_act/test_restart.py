# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._act.restart import ask_for_stacks, stop, take_all
from ansible_collections.taskfleet.celery.plugins.module_utils._service.errors import ServiceError
from ansible_collections.taskfleet.celery.tests.waiting import PATIENCE

# Each says when it is ready; what it ignores does not end it, and nothing else is ignored: a shell that runs the tests in
# the background has them ignore SIGQUIT. The handler may come while that is being printed.
# It ends by itself, whatever becomes of the test.
PROGRAM = """
import os, signal, sys, time
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
for name in sys.argv[1:]:
    signal.signal(getattr(signal, name), signal.SIG_IGN)
signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b"stacks\\n"))
print("ready", flush=True)
time.sleep(600)
"""


class Manager:
    """A service manager with one service, a process of ours."""

    def __init__(self, process):
        self.process = process

    def status(self, names):
        ended = self.process.poll() is not None
        return {names[0]: {"active": "inactive" if ended else "active", "main_pid": 0 if ended else self.process.pid}}

    def begin_stop(self, _name):
        self.process.terminate()


@pytest.fixture
def start():
    processes = []

    def begin(*ignored):
        argv = [sys.executable, "-c", PROGRAM, *ignored]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield begin
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(("ignored", "last"), [((), "TERM"), (("SIGTERM",), "QUIT"), (("SIGTERM", "SIGQUIT"), "KILL")])
def test_it_is_ended_by_the_mildest_signal_that_does(start, ignored, last):
    # A process that does end may take its time on a busy machine; one that does not is not waited for.
    patience, quit_patience = (PATIENCE if last == signal_name else 0.4 for signal_name in ("TERM", "QUIT"))
    assert stop(Manager(start(*ignored)), "w1", patience, quit_patience) == last


def test_stopped_process_is_let_go_on_so_that_it_ends_in_order(start):
    process = start()
    os.kill(process.pid, signal.SIGSTOP)
    assert stop(Manager(process), "w1", PATIENCE, 0.4) == "TERM"


class Services:
    """A service manager whose services end when all of them have been signalled, and of which one cannot be started."""

    def __init__(self, number):
        self.all_signalled = threading.Barrier(number, timeout=PATIENCE)
        self.ended = set()
        self.begun = []
        self.under_way = self.most = 0

    def status(self, names):
        return {names[0]: {"active": "inactive" if names[0] in self.ended else "active", "main_pid": 0}}

    def begin_stop(self, name):
        self.all_signalled.wait()
        self.ended.add(name)

    def start(self, name, _timeout):
        self.begun.append(name)
        self.under_way += 1
        # So long that another could come in between.
        time.sleep(0.1)
        self.most = max(self.most, self.under_way)
        self.under_way -= 1
        if name == "w2":
            raise ServiceError("w2 does not start")


def test_services_are_stopped_at_once_and_one_that_fails_is_reported_by_itself():
    manager = Services(3)
    restart = {"action": "restart", "patience": PATIENCE, "soft_shutdown": 0, "start_timeout": PATIENCE}
    services = [dict(restart, service=name) for name in ("w1", "w2", "w3")]
    results = take_all(lambda: manager, services, 0.4)
    assert [(one["service"], one["signal"], one["error"]) for one in results] == [
        ("w1", "TERM", ""),
        ("w2", "TERM", "w2 does not start"),
        ("w3", "TERM", ""),
    ]
    assert (sorted(manager.begun), manager.most) == (["w1", "w2", "w3"], 1)


def test_worker_has_its_soft_shutdown_before_it_is_killed(start):
    service = {"service": "w1", "action": "stop", "patience": 0.4, "soft_shutdown": PATIENCE}
    (result,) = take_all(lambda: Manager(start("SIGTERM")), [service], 0)
    assert result["signal"] == "QUIT"


def test_stopped_service_gets_no_signal(start):
    process = start()
    process.kill()
    process.wait()
    assert stop(Manager(process), "w1", PATIENCE, PATIENCE) == ""


def test_who_listens_is_asked_for_its_stacks(start):
    process = start()
    assert ask_for_stacks(process.pid)
    assert process.stdout.readline() == "stacks\n"


def test_who_does_not_listen_would_die_of_the_question(start):
    process = start("SIGUSR2")
    with subprocess.Popen(["sleep", "60"]) as deaf:
        assert not ask_for_stacks(deaf.pid)
        assert deaf.poll() is None
        deaf.kill()
    assert process.poll() is None
