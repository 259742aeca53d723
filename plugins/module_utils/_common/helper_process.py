# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A process that gets a task on its standard input and answers in lines on a descriptor of its own, for a limited time.

What it prints is kept apart from its answer, and what it started ends with it. Private to the collection.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time

TAIL_BYTES = 4096
# From the end of the answer's pipe to the end of the process.
CLOSED_GRACE = 1.0


class HelperProcess:
    """One process, from its start to its end."""

    def __init__(self, argv, environment, become, directory="/"):
        self._reader, writer = os.pipe()
        try:
            # AnsibleModule.run_command, which is asked for instead, knows no limit of time and no pipe for the answer.
            self._process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(writer,),
                cwd=directory,
                env=environment,
                bufsize=0,
                start_new_session=True,
                preexec_fn=become,
            )
        except (OSError, subprocess.SubprocessError):
            os.close(self._reader)
            raise
        finally:
            os.close(writer)
        # The number that its end of the answer's pipe has in the process.
        self.descriptor = writer
        self._outbox = b""
        self._answer, self._printed = bytearray(), bytearray()
        self._closed = False
        self._deadline = None

    @property
    def lines(self):
        """The lines of its answer."""
        return bytes(self._answer).splitlines()

    @property
    def tail(self):
        """The end of what it printed."""
        return bytes(self._printed[-TAIL_BYTES:]).decode("utf-8", "replace")

    def talk(self, task, deadline, is_last):
        """Feed it the task, and read until a line is the last one, the process has ended, or the time is up.

        Returns how it ended: answered, exited, closed, timed_out.
        """
        self._outbox, self._deadline = memoryview(task), deadline
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            ended = self._exchange(selector, is_last)
        _read(self._process.stdout.fileno(), self._printed)
        return ended

    def end(self):
        """End the process group, for whatever the application started at import goes with it; return the exit code."""
        os.close(self._reader)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        try:
            return self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL
        finally:
            self._process.stdout.close()
            self._process.stdin.close()

    def _register(self, selector):
        for stream, event, handle in (
            (self._process.stdin, selectors.EVENT_WRITE, self._feed),
            (self._process.stdout, selectors.EVENT_READ, self._read_printed),
            (self._reader, selectors.EVENT_READ, self._read_answer),
        ):
            selector.register(stream, event, handle)
            os.set_blocking(stream if isinstance(stream, int) else stream.fileno(), False)

    def _exchange(self, selector, is_last):
        while not self._is_complete(is_last):
            remaining = self._deadline - time.monotonic()
            if remaining <= 0:
                return "closed" if self._closed else "timed_out"
            # A child of the application may keep the pipes open after the application's end.
            if self._has_ended() and not selector.select(0):
                return "exited"
            for key, _events in selector.select(min(remaining, 0.2)):
                key.data(selector)
        return "answered"

    def _is_complete(self, is_last):
        """Whether the last complete line ends the answer."""
        if not self._answer.endswith(b"\n"):
            return False
        return is_last(self._answer[self._answer.rfind(b"\n", 0, -1) + 1 :])

    def _has_ended(self):
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _feed(self, selector):
        stream = self._process.stdin
        try:
            self._outbox = self._outbox[os.write(stream.fileno(), self._outbox) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._outbox = b""
        if not self._outbox:
            selector.unregister(stream)
            stream.close()

    def _read_printed(self, selector):
        if not _read(self._process.stdout.fileno(), self._printed):
            selector.unregister(self._process.stdout)
        del self._printed[:-TAIL_BYTES]

    def _read_answer(self, selector):
        if not _read(self._reader, self._answer):
            selector.unregister(self._reader)
            self._closed = True
            self._deadline = min(self._deadline, time.monotonic() + CLOSED_GRACE)


def _read(descriptor, buffer):
    """Append what is there to read; return False at the end."""
    try:
        data = os.read(descriptor, 65536)
    except BlockingIOError:
        return True
    buffer += data
    return bool(data)
