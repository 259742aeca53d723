"""How the tests ask a container something.

`docker exec` takes a tenth of a second of processor time for each command, which is more than most answers take,
and the tests ask thousands of things. Root on Docker's own machine enters the namespaces of the container instead.
"""

from __future__ import annotations

import functools
import json
import os
import shlex
import subprocess
from pathlib import Path

import testinfra.backend.docker
import testinfra.host


class Container:
    """A container by its name, and the process that has its namespaces."""

    def __init__(self, name):
        self.name = name
        self.pid, self.started = 0, None
        self.environment = []

    def entrance(self):
        """Return the command that runs, inside, what is written behind it."""
        if os.geteuid() == 0 and (self.is_the_same() or self.look()):
            namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid"]
            return ["nsenter", f"--target={self.pid}", *namespaces, "env", "--ignore-environment", *self.environment]
        return ["docker", "exec", self.name]

    def is_the_same(self):
        """Whether the process that was found is still there, and no other of its number."""
        return self.started is not None and started(self.pid) == self.started

    def look(self):
        """Find its process and its environment; whether there is one on this machine."""
        done = subprocess.run(["docker", "inspect", self.name], capture_output=True, text=True, check=True)
        [container] = json.loads(done.stdout)
        self.pid = container["State"]["Pid"]
        self.started = started(self.pid) if is_of(self.pid, container["Id"]) else None
        self.environment = [*container["Config"]["Env"], f"HOSTNAME={container['Config']['Hostname']}", "HOME=/root"]
        return self.started is not None


def started(pid):
    """Return when a process was started, in ticks since the machine was; None where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return None


def is_of(pid, container):
    """Whether a process of this machine is in this container: Docker may be on another one."""
    try:
        return container in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8")
    except OSError:
        return False


class Backend(testinfra.backend.docker.DockerBackend):
    """What testinfra does with `docker exec`, through the entrance."""

    def run(self, command, *args, **_options):
        asked = self.get_command(command, *args)
        argv = [*container(self.name).entrance(), "/bin/sh", "-c", asked]
        result = self.run_local(shlex.join(argv))
        result.command = self.encode(asked)
        return result


@functools.cache
def container(name):
    """Return the one of this name."""
    return Container(name)


def host_in(name):
    """Return testinfra's host for a container."""
    backend = Backend(name)
    host = testinfra.host.Host(backend)
    backend.set_host(host)
    return host
