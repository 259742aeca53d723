# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd as a service manager: the same verbs as ``_supervisor``."""

from __future__ import annotations

import os
import subprocess
import time
from datetime import datetime, timezone

from ansible_collections.taskfleet.celery.plugins.module_utils._service.errors import ServiceError

DIRECTORY = "/etc/systemd/system"
SUFFIX = ".service"
# systemctl itself must come back a little after the job that it waits for.
MARGIN = 15
POLL = 0.5

_EVIDENCE = (
    "ActiveState",
    "ControlGroup",
    "ExecMainCode",
    "ExecMainStatus",
    "LoadState",
    "MainPID",
    "MemoryMax",
    "NRestarts",
    "Result",
    "StandardOutput",
    "StateChangeTimestampMonotonic",
    "StatusText",
    "SubState",
    "UnitFileState",
)

# What ended the main process (CLD_* of sigaction(2)).
_EXITED, _KILLED, _DUMPED = "1", "2", "3"


def _evidence(block, now):
    values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    wall, monotonic = now
    changed = int(values.get("StateChangeTimestampMonotonic") or 0) / 1e6
    since = datetime.fromtimestamp(wall - monotonic + changed, tz=timezone.utc) if changed else None
    code, status = values.get("ExecMainCode"), int(values.get("ExecMainStatus") or 0)
    limit = values.get("MemoryMax", "")
    kind, _colon, path = values.get("StandardOutput", "").partition(":")
    return {
        "known": values.get("LoadState") == "loaded",
        "enabled": values.get("UnitFileState") == "enabled",
        "state": values.get("ActiveState", "unknown"),
        "substate": values.get("SubState", ""),
        "result": values.get("Result", ""),
        "restarts": int(values.get("NRestarts") or 0),
        "since": since.strftime("%Y-%m-%dT%H:%M:%SZ") if since else None,
        "since_seconds": round(monotonic - changed, 1) if changed else None,
        "main_pid": int(values.get("MainPID") or 0),
        "exit_code": status if code == _EXITED else None,
        "exit_signal": status if code in (_KILLED, _DUMPED) else None,
        "memory_limit_bytes": int(limit) if limit.isdigit() else None,
        "status_text": values.get("StatusText", ""),
        "control_group": values.get("ControlGroup") or None,
        "log_file": path if kind in ("append", "file", "truncate") else None,
    }


def _entries_of(name):
    """Matches of journalctl for what a service and systemd say of it.

    ``--unit`` misses the last lines of a process that is gone before journald has looked up its unit
    (systemd#2913); the identifier that its unit gives it stays.
    """
    unit = name + SUFFIX
    return [
        "_SYSTEMD_UNIT=" + unit,
        "+",
        "UNIT=" + unit,
        "_PID=1",
        "+",
        "SYSLOG_IDENTIFIER=" + name,
        "_TRANSPORT=stdout",
    ]


class Systemd:
    """Units in one directory, by name without ``.service``."""

    has_boot_state = True
    # A unit with a sentinel has started when it is ready.
    tells_ready = True

    def __init__(self, directory=DIRECTORY):
        self.directory = directory

    def path(self, name):
        """Path of the unit of a service."""
        return os.path.join(self.directory, name + SUFFIX)

    def available(self):
        """Whether systemd runs this host."""
        return os.path.isdir("/run/systemd/system")

    def reload(self):
        """Let systemd read its units again; touches no process."""
        self._systemctl("daemon-reload")

    def status(self, names):
        """``{name: {active, main_pid, enabled}}``; ``active`` is ActiveState of systemctl(1)."""
        if not names:
            return {}
        out = self._systemctl(
            "show", "--property=Id,ActiveState,MainPID,UnitFileState", *[name + SUFFIX for name in names]
        )
        status = {}
        for block in out.strip().split("\n\n"):
            values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            status[values["Id"][: -len(SUFFIX)]] = {
                "active": values["ActiveState"],
                "main_pid": int(values["MainPID"] or 0),
                "enabled": values.get("UnitFileState") == "enabled",
            }
        return status

    def evidence(self, names, timeout):
        """What systemd says of each, as ``_evidence`` returns it. Changes nothing; a unit it does not know is included."""
        if not names:
            return {}
        argv = ["systemctl", "show", "--property=" + ",".join(_EVIDENCE), *[name + SUFFIX for name in names]]
        result = self._run(argv, timeout)
        if result.returncode != 0:
            raise ServiceError("systemctl show: %s" % (result.stderr.strip() or result.returncode))
        now = time.time(), time.clock_gettime(time.CLOCK_MONOTONIC)
        blocks = result.stdout.strip("\n").split("\n\n")
        return {name: _evidence(block, now) for name, block in zip(names, blocks)}

    def journal(self, name, lines, timeout):
        """Last lines of the journal of a service, as bytes."""
        argv = ["journalctl", "--no-pager", "--lines=%d" % lines, "--output=short-iso", "--utc"]
        result = self._run([*argv, *_entries_of(name)], timeout)
        # "-- No entries --" and the like are journalctl's own words.
        found = [line for line in result.stdout.splitlines() if not line.startswith("-- ")]
        # Who may not read the journal gets a hint and no entries.
        if result.returncode != 0 or (result.stderr.strip() and not found):
            raise ServiceError("journalctl: %s" % (" ".join(result.stderr.split()) or result.returncode))
        return "\n".join(found).encode("utf-8", "replace")

    def enable(self, names):
        """Start these at boot."""
        if names:
            self._systemctl("enable", *[name + SUFFIX for name in names])

    def disable(self, names):
        """No longer start these at boot."""
        if names:
            self._systemctl("disable", *[name + SUFFIX for name in names])

    def adopt(self, names):
        """Nothing: a unit is known as soon as its file was read. Returns no names."""
        return []

    def start(self, name, timeout):
        """Start one and wait at most ``timeout`` seconds for its job."""
        self._systemctl("reset-failed", name + SUFFIX, check=False)
        self._job("start", name, 0, timeout)

    def stop(self, name, timeout):
        """Stop one and wait at most ``timeout`` seconds for its job: TERM, then KILL after TimeoutStopSec."""
        self._systemctl("stop", name + SUFFIX, timeout=timeout)

    def begin_stop(self, name):
        """Send TERM to one, and do not wait."""
        self._systemctl("stop", "--no-block", name + SUFFIX)

    def restart(self, name, stop_timeout, start_timeout):
        """Stop and start one as one job, which systemd ends even where nobody waits for it any more."""
        self._systemctl("reset-failed", name + SUFFIX, check=False)
        self._job("restart", name, stop_timeout, start_timeout)

    def retire(self, name, timeout):
        """Stop one for good, while its unit is still there."""
        self.stop(name, timeout)
        self.disable([name])

    def forget(self, name):
        """After its unit was removed: no trace of it is left in systemd."""
        self.reload()
        self._systemctl("reset-failed", name + SUFFIX, check=False)

    def explain(self, name):
        """Last lines of the journal of a service."""
        return self._run(["journalctl", "--no-pager", "--lines=15", "--output=cat", *_entries_of(name)]).stdout

    def _job(self, verb, name, stop_timeout, start_timeout):
        """Have systemd do a job, and wait for it: at most ``start_timeout`` seconds from the start of the new process.

        The start of a worker takes as long as its broker does not answer; systemd goes on with it after that.
        """
        ends, begun = time.monotonic() + stop_timeout + start_timeout + MARGIN, False
        before = self.status([name])[name]["main_pid"]
        try:
            # AnsibleModule.run_command, which is asked for instead, ends with its child only.
            job = subprocess.Popen(  # pylint: disable=ansible-bad-function
                ["systemctl", verb, name + SUFFIX], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
        except OSError as error:
            raise ServiceError("systemctl: %s" % error) from error
        with job:
            while job.poll() is None:
                if not begun and self.status([name])[name]["main_pid"] not in (0, before):
                    ends, begun = time.monotonic() + start_timeout, True
                if time.monotonic() >= ends:
                    job.kill()
                    raise ServiceError("%s is not ready within %d s after its start" % (name, start_timeout))
                time.sleep(POLL)
            if job.returncode != 0:
                raise ServiceError("systemctl %s %s: %s" % (verb, name + SUFFIX, job.stderr.read().strip()))

    def _systemctl(self, *arguments, check=True, timeout=30):
        result = self._run(["systemctl", *arguments], timeout + MARGIN)
        if check and result.returncode != 0:
            raise ServiceError("systemctl %s: %s" % (" ".join(arguments), result.stderr.strip() or result.returncode))
        return result.stdout

    def _run(self, argv, timeout=30):
        try:
            # AnsibleModule.run_command, which is asked for instead, knows no limit of time.
            return subprocess.run(  # pylint: disable=ansible-bad-function
                argv,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ServiceError("%s: no answer within %d s" % (" ".join(argv), timeout)) from error
        except OSError as error:
            raise ServiceError("%s: %s" % (argv[0], error)) from error
