# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""supervisor as a service manager, over its XML-RPC socket: the same verbs as ``_systemd``."""

from __future__ import annotations

import http.client
import os
import socket
import time
import xmlrpc.client
from datetime import datetime, timezone

from ansible_collections.taskfleet.celery.plugins.module_utils._service.errors import ServiceError

DIRECTORY = "/etc/supervisor/conf.d"
SOCKET = "/var/run/supervisor.sock"
SUFFIX = ".conf"
MARGIN = 15

# supervisor's process states (supervisord.org, Subprocesses) in systemd's words.
_ACTIVE = {
    "RUNNING": "active",
    "STARTING": "activating",
    "BACKOFF": "activating",
    "STOPPING": "deactivating",
    "STOPPED": "inactive",
    "EXITED": "inactive",
    "FATAL": "failed",
    "UNKNOWN": "failed",
}

# Fault codes of supervisor.xmlrpc.Faults.
_BAD_NAME = 10
_NOT_RUNNING = 70


# The form of what supervisor says; a program that it does not know.
_UNKNOWN = {
    "known": False,
    "enabled": False,
    "state": "inactive",
    "substate": "",
    "result": "",
    "restarts": None,
    "since": None,
    "since_seconds": None,
    "main_pid": 0,
    "exit_code": None,
    "exit_signal": None,
    "memory_limit_bytes": None,
    "status_text": "",
    "control_group": None,
    "log_file": None,
}


def _evidence(entry):
    runs = entry["statename"] in ("STARTING", "RUNNING", "STOPPING")
    changed = entry["start"] if runs else entry["stop"] or entry["start"]
    return dict(
        _UNKNOWN,
        known=True,
        enabled=True,
        state=_ACTIVE[entry["statename"]],
        substate=entry["statename"].lower(),
        result=entry["spawnerr"],
        since=datetime.fromtimestamp(changed, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if changed else None,
        since_seconds=max(entry["now"] - changed, 0) if changed else None,
        main_pid=entry["pid"],
        exit_code=entry["exitstatus"] if changed and not runs else None,
        status_text=entry["description"],
        log_file=entry["stdout_logfile"] or entry["logfile"] or None,
    )


class SupervisorFault(ServiceError):
    """supervisord answered, and refused."""

    def __init__(self, method, arguments, fault):
        super().__init__("supervisor refuses %s(%s): %s" % (method, ", ".join(map(str, arguments)), fault.faultString))
        self.code = fault.faultCode


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path, timeout):
        super().__init__()
        self._path = path
        self._timeout = timeout

    def make_connection(self, host):
        return _UnixConnection(self._path, self._timeout)


class Supervisor:
    """Programs in one directory, by name."""

    # Whether a program starts with supervisord is `autostart` in its file.
    has_boot_state = False
    # A program has started when its process has lived for a second.
    tells_ready = False

    def __init__(self, directory=DIRECTORY, path=SOCKET):
        self.directory = directory
        self._socket = path

    def path(self, name):
        """Path of the program file of a service."""
        return os.path.join(self.directory, name + SUFFIX)

    def available(self):
        """Whether a supervisord listens."""
        return os.path.exists(self._socket)

    def reload(self):
        """Let supervisord read its files again; touches no process. Returns the names that differ."""
        added, changed, removed = self._call("reloadConfig")[0]
        return {"added": added, "changed": changed, "removed": removed}

    def status(self, names):
        """``{name: {active, main_pid, enabled}}`` of the programs that supervisord knows."""
        if not names:
            return {}
        wanted = set(names)
        return {
            entry["name"]: {
                "active": _ACTIVE[entry["statename"]],
                "main_pid": entry["pid"],
                "enabled": True,
            }
            for entry in self._call("getAllProcessInfo")
            if entry["name"] in wanted
        }

    def adopt(self, names):
        """Give supervisord the current files of programs that do not run, without touching others.

        Returns the names that it did not know, or knew otherwise.
        """
        differing = self.reload() if names else {"added": [], "changed": []}
        stale = [name for name in names if name in differing["changed"]]
        fresh = [name for name in names if name in differing["added"]]
        for name in stale:
            self._call("removeProcessGroup", name)
        for name in stale + fresh:
            self._call("addProcessGroup", name)
        return stale + fresh

    def evidence(self, names, timeout):
        """What supervisor says of each, in the form of ``_systemd``; what supervisor does not count is None."""
        wanted = set(names)
        entries = self._call("getAllProcessInfo", timeout=timeout - MARGIN) if wanted else []
        found = {entry["name"]: _evidence(entry) for entry in entries if entry["name"] in wanted}
        return {name: found.get(name, _UNKNOWN) for name in names}

    def start(self, name, timeout):
        """Start one and wait at most ``timeout`` seconds until it counts as started (``startsecs``)."""
        self.adopt([name])
        if self._state(name) not in ("RUNNING", "STARTING", "BACKOFF"):
            self._call("startProcess", name, False)
        self._wait(name, timeout)

    def begin_stop(self, name):
        """Send TERM to one, and do not wait."""
        self._stop(name, False)

    def stop(self, name, timeout):
        """Stop one: TERM, then KILL after ``stopwaitsecs``."""
        self._stop(name, True, timeout)

    def _stop(self, name, wait, timeout=30):
        try:
            self._call("stopProcess", name, wait, timeout=timeout)
        except SupervisorFault as fault:
            if fault.code not in (_NOT_RUNNING, _BAD_NAME):
                raise

    def restart(self, name, stop_timeout, start_timeout):
        """Stop one, take its new program file, start it."""
        self.stop(name, stop_timeout)
        self.start(name, start_timeout)

    def retire(self, name, timeout):
        """Stop one for good, while its program file is still there."""
        self.stop(name, timeout)

    def forget(self, name):
        """After its program file was removed: no trace of it is left in supervisord."""
        self.reload()
        try:
            self._call("removeProcessGroup", name)
        except SupervisorFault as fault:
            if fault.code != _BAD_NAME:
                raise

    def explain(self, name):
        """Last bytes of the log of a program."""
        try:
            return self._call("tailProcessStdoutLog", name, 0, 2000)[0]
        except SupervisorFault as fault:
            return str(fault)

    def _state(self, name):
        return self._call("getProcessInfo", name)["statename"]

    def _wait(self, name, timeout):
        limit = time.monotonic() + timeout
        while True:
            state = self._state(name)
            if state == "RUNNING":
                return
            if state not in ("STARTING", "BACKOFF") or time.monotonic() > limit:
                raise ServiceError("supervisor: %s is %s after start, expected RUNNING" % (name, state))
            time.sleep(0.2)

    def _call(self, method, *arguments, timeout=30):
        proxy = xmlrpc.client.ServerProxy("http://localhost", transport=_UnixTransport(self._socket, timeout + MARGIN))
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            raise SupervisorFault(method, arguments, fault) from fault
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise ServiceError("supervisord on %s does not answer %s: %s" % (self._socket, method, error)) from error
