# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._observe import process_tree
from ansible_collections.taskfleet.celery.tests.waiting import PATIENCE, wait_for

HOST = "web1"
TITLE = "[celeryd: w1@web1:{0}]"

# A main process with a process of its pool, and a program that a task started below that.
MAIN = """
import subprocess, sys
python, title = sys.argv[1:]
child = "import subprocess, sys; subprocess.Popen(['sleep', '600']); print('up', flush=True); sys.stdin.read()"
subprocess.Popen([title, "-c", child], executable=python, stdin=subprocess.PIPE)
sys.stdin.read()
"""

BURN = "import sys\nprint('up', flush=True)\nwhile True: pass"


@contextlib.contextmanager
def started(argv):
    process = subprocess.Popen(
        argv,
        executable=sys.executable,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout.readline() == "up\n"
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=PATIENCE)


@pytest.fixture
def worker():
    with started([TITLE.format("MainProcess"), "-c", MAIN, sys.executable, TITLE.format("ForkPoolWorker-1")]) as pid:
        yield pid


def look(main):
    return process_tree.look(process_tree.family(main, process_tree.parents()))


def look_at_rest(main):
    """Look when the whole family is there, and its main process waits for its input."""

    def at_rest():
        seen = look(main)
        return seen if len(seen) == 3 and seen[main]["state"] == "S" else None

    return wait_for(at_rest, "all three are there, and the main process waits")


def test_roles(worker):
    now = look_at_rest(worker)
    processes, ended = process_tree.compare(now, now, worker, HOST)
    assert {one["role"] for one in processes} == {"main", "child", "other"}
    by_role = {one["role"]: one for one in processes}
    assert by_role["main"]["pid"] == worker
    assert by_role["child"]["ppid"] == worker
    assert by_role["other"]["ppid"] == by_role["child"]["pid"]
    assert by_role["other"]["name"] == "sleep"
    assert by_role["main"]["state"] == "S"
    assert by_role["main"]["threads"] == 1
    assert by_role["main"]["rss_bytes"] > 1000000
    assert 0 <= by_role["main"]["age"] < PATIENCE
    assert {one["cpu_seconds"] for one in processes} == {0.0}
    assert {one["switches"] for one in processes} == {0}
    assert ended == []


def test_process_that_works_shows(worker):
    look_at_rest(worker)
    with started([sys.executable, "-c", BURN]) as pid:
        before = process_tree.look([pid, worker])
        wait_for(lambda: process_tree.look([pid])[pid]["ticks"] >= before[pid]["ticks"] + 10, "it has worked a while")
        processes, _ended = process_tree.compare(before, process_tree.look([pid, worker]), worker, HOST)
    by_pid = {one["pid"]: one for one in processes}
    assert by_pid[pid]["cpu_total"] >= by_pid[pid]["cpu_seconds"] >= 0.1
    assert by_pid[pid]["role"] == "other"
    assert by_pid[worker]["cpu_seconds"] == 0
    assert by_pid[worker]["switches"] == 0


def test_stopped_process_shows(worker):
    os.kill(worker, signal.SIGSTOP)
    wait_for(lambda: process_tree.look([worker])[worker]["state"] == "T", "it is stopped")


def test_processes_that_end_and_begin_between_the_looks(worker):
    before = look_at_rest(worker)
    (child,) = (pid for pid, facts in before.items() if facts["ppid"] == worker)
    os.kill(child, signal.SIGKILL)
    wait_for(lambda: process_tree.look([child])[child]["state"] == "Z", "it has ended")
    processes, ended = process_tree.compare(before, look(worker), worker, HOST)
    # Its program went to another parent, and it itself waits for its own to look.
    assert [one["state"] for one in processes if one["pid"] == child] == ["Z"]
    assert len(ended) == 1
    processes, ended = process_tree.compare({}, look(worker), worker, HOST)
    assert {one["new"] for one in processes} == {True}


def test_pid_that_was_taken_again_is_another_process():
    facts = dict(process_tree.look([os.getpid()])[os.getpid()], ticks=50, start=100)
    processes, ended = process_tree.compare({7: facts}, {7: dict(facts, ticks=60, start=200)}, 1, HOST)
    assert ended == [7]
    assert (processes[0]["new"], processes[0]["cpu_total"]) == (True, 0.6)
    assert processes[0]["cpu_seconds"] == 0.6


def test_forks_of_a_child_are_not_the_pools():
    argv = ["celery", "-A", "shop", "worker", "-n", "w1@web1"]
    assert process_tree.role(2, {"ppid": 1, "argv": argv}, 1, HOST) == "child"
    assert process_tree.role(3, {"ppid": 2, "argv": argv}, 1, HOST) == "other"


def test_ended_process_is_left_out():
    assert process_tree.family(0, {1: 0}) == []
    assert process_tree.family(5, {1: 0}) == []
    assert process_tree.look([2**22 + 1]) == {}


def test_fact_unknown_to_the_kernel_is_null(tmp_path):
    (tmp_path / "5").mkdir()
    (tmp_path / "5" / "stat").write_text(f"5 (a) b) S 1 {'0 ' * 9}7 3 0 0 20 0 4 0 100 0 25 0\n")
    (tmp_path / "5" / "wchan").write_text("0")
    facts = process_tree.look([5], str(tmp_path))[5]
    assert (facts["wchan"], facts["switches"], facts["ticks"], facts["threads"]) == (None, None, 10, 4)
    assert facts["rss_bytes"] == 25 * process_tree.PAGE
    (processes, _ended) = process_tree.compare({5: facts}, {5: facts}, 5, HOST)
    assert processes[0]["switches"] is None
    assert process_tree.parents(str(tmp_path)) == {5: 1}


def test_process_of_the_pool_is_known_by_the_applications_own_command():
    facts = {"ppid": 7, "argv": ["/v/bin/python", "/v/bin/shop-server", "celery", "-A", "shop", "worker"]}
    assert process_tree.role(8, facts, 7, HOST) == "other"
    assert process_tree.role(8, facts, 7, HOST, ["/v/bin/shop-server", "celery"]) == "child"
