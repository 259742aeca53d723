# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts and ends the servers and workers of a test.

run.py start DIRECTORY NAME --ready REGEX -- COMMAND...
    prints {"pid", "log"} once the command's output matches. It is ended at the latest when the ansible-playbook that
    started it has gone, whatever became of it.
run.py serve DIRECTORY
    starts servers in turn, and prints {"ports", "servers"}: by name, free loopback ports, and what `start` would print.
    Reads from standard input, since what is in a configuration may be secret,
    {"ports": [NAME...], "files": {PATH: TEXT}, "servers": [{"name", "ready", "command", "environment"}]}
    where `$NAME` stands for a port. The files are for their owner only; all but servers, name, ready and command may
    be left out.
run.py stop DIRECTORY NAME...
    kills the named ones with all they started in their process group.
run.py end DIRECTORY
    kills all that were started in the directory, and removes it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import string
import subprocess
import sys
import time

# ansible-test runs a copy of the targets alone, below the collection.
sys.path.insert(0, re.sub("/tests/(output|integration)/.*", "/tests", __file__))

from waiting import wait_for

# For a process whose playbook cannot be found.
LIMIT = 3600


def main():
    """Do what the command line says."""
    parser = argparse.ArgumentParser()
    actions = parser.add_subparsers(dest="action", required=True)
    start_arguments = actions.add_parser("start")
    start_arguments.add_argument("directory", type=pathlib.Path)
    start_arguments.add_argument("name")
    start_arguments.add_argument("--ready", required=True)
    start_arguments.add_argument("command", nargs="+")
    actions.add_parser("serve").add_argument("directory", type=pathlib.Path)
    stop_arguments = actions.add_parser("stop")
    stop_arguments.add_argument("directory", type=pathlib.Path)
    stop_arguments.add_argument("names", nargs="+")
    actions.add_parser("end").add_argument("directory", type=pathlib.Path)
    arguments = vars(parser.parse_args())
    result = {"start": start, "serve": serve, "stop": stop, "end": end}[arguments.pop("action")](**arguments)
    if result:
        print(json.dumps(result))


def serve(directory):
    """Start the servers that standard input describes."""
    text = sys.stdin.read()
    ports = free_ports(json.loads(text).get("ports", []))
    wanted = json.loads(string.Template(text).substitute(ports))
    for name, content in wanted.get("files", {}).items():
        file = directory / name
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(content)
    return {"ports": ports, "servers": {server["name"]: start(directory, **server) for server in wanted["servers"]}}


def free_ports(names):
    """Return by name ports that nothing listens on, all different."""
    listeners = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
    return {name: listener.getsockname()[1] for name, listener in listeners.items()}


def start(directory, name, ready, command, environment=None):
    """Start the command under a guard, and wait until it is ready."""
    log = directory / f"{name}.log"
    log.write_bytes(b"")
    reading, writing = os.pipe()
    playbook = owner()
    if os.fork() == 0:
        os.close(reading)
        guard(playbook, command, {**os.environ, **(environment or {})}, log, writing)
    os.close(writing)
    with os.fdopen(reading) as stream:
        guard_pid, pid = map(int, stream.readline().split())
    (directory / f"{name}.pid").write_text(f"{guard_pid} {pid}\n")

    def is_ready():
        if re.search(ready, log.read_text(errors="replace")):
            return True
        if not alive(pid):
            raise AssertionError(f"{name} ended")
        return False

    try:
        wait_for(is_ready, f"{name} writes {ready}")
    except AssertionError as error:
        stop(directory, [name])
        sys.exit(f"{error}. Its output:\n{log.read_text(errors='replace')[-4000:]}")
    return {"pid": pid, "log": str(log)}


def guard(playbook, command, environment, log, tell):
    """Run the command, and end it with the playbook. Does not return."""
    os.setsid()
    with open(log, "ab") as output, open(os.devnull, "rb") as nothing:
        child = subprocess.Popen(
            command, stdin=nothing, stdout=output, stderr=output, start_new_session=True, cwd="/", env=environment
        )
        os.write(tell, f"{os.getpid()} {child.pid}\n".encode())
        for descriptor in (0, 1, 2):
            os.dup2(nothing.fileno(), descriptor)
    os.close(tell)
    limit = time.monotonic() + LIMIT
    while alive(playbook) if playbook else time.monotonic() < limit:
        try:
            child.wait(timeout=1)
            break
        except subprocess.TimeoutExpired:
            continue
    kill_group(child.pid)
    os._exit(0)


def owner():
    """Return the process id of the outermost ansible-playbook above this process, or None."""
    found, pid = None, os.getppid()
    while pid > 1:
        process = pathlib.Path("/proc") / str(pid)
        if b"ansible-playbook" in (process / "cmdline").read_bytes():
            found = pid
        pid = int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def alive(pid):
    """Tell whether the process runs; one that waits for its parent does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill_group(pid):
    """Kill what is left of a process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def stop(directory, names):
    """Kill the named ones, and wait until they have gone."""
    files = [directory / f"{name}.pid" for name in names]
    for file in files:
        _guard, pid = map(int, file.read_text().split())
        kill_group(pid)
    for file in files:
        pids = [int(pid) for pid in file.read_text().split()]
        wait_for(lambda pids=pids: not any(map(alive, pids)), f"{file.stem} ends after SIGKILL")
        file.unlink()


def end(directory):
    """Kill all, and remove the directory."""
    stop(directory, [file.stem for file in sorted(directory.glob("*.pid"))])
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
