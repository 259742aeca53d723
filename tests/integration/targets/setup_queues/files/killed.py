# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the helpers of purge and restore, each time in a process of its own, which is killed where it is told to be.

killed.py COLLECTIONS
    Runs under an application's Python. Reads a line for each run: [purge or restore, arguments, crash_at]. The process is
    killed with SIGKILL before the crash_at-th thing that it says to a server or does to a file's name, never at 0.
    Prints what the helper returned, or null when it was killed.

There are some hundred runs, so each is a fork of a process that has the libraries loaded.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import sys

for library in ("celery", "kombu.transport.pyamqp", "kombu.transport.redis"):
    importlib.import_module(library)
sys.path.insert(0, sys.argv[1])
# Seconds after which a run that hangs is ended; more than it is told to take.
LIMIT = 600
PLACE = "ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues."
HELPERS = {what: importlib.import_module(PLACE + what) for what in ("purge", "restore")}


def crash(at):
    """Have this process killed when it has come so far."""
    count = 0

    def counted(call):
        def wrapper(*arguments, **options):
            nonlocal count
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return wrapper

    for name in ("fsync", "link", "unlink", "ftruncate"):
        setattr(os, name, counted(getattr(os, name)))
    for name in ("send", "sendall"):
        setattr(socket.socket, name, counted(getattr(socket.socket, name)))


def child(writer, what, arguments, crash_at):
    """Run the helper for a while at most, and write what it returned."""
    signal.alarm(LIMIT)
    result = {}
    if crash_at:
        crash(crash_at)
    result.update(HELPERS[what].main(arguments, lambda **more: result.update(more)))
    with os.fdopen(writer, "w") as answer:
        json.dump(result, answer)


def run(request):
    """Return what the helper returned; None when it was killed."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            child(writer, *request)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return None
    return json.loads(text) if status == 0 else sys.exit("the helper has failed")


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
