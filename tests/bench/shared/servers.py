"""What several benchmarks measure against: a Redis of their own and the processes that talk to it."""

from __future__ import annotations

import os
import resource
import secrets
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests"))

from waiting import wait_for

CELERY_PYTHON = ROOT / ".cache/venv-bench/bin/python"
STANDS_FOR = ROOT / "tests/bench"


def free_port():
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def cpu_of_children():
    """Return the CPU seconds of all processes that this one started, and they, and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Servers:
    """A Redis and what asks it, ended together."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.processes = []
        port, password = free_port(), secrets.token_hex(12)
        self.url = f"redis://:{password}@127.0.0.1:{port}/0"
        configuration = self.directory / "redis.conf"
        configuration.write_text(f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\ndir {directory}\n')
        configuration.chmod(0o600)
        self.start("redis", "Ready to accept", "redis-server", str(configuration))

    def start(self, name, ready, *command, **variables):
        """Start a process, wait until it is ready, and return it."""
        log = self.directory / f"{name}.log"
        environment = {**os.environ, "CELERY_BROKER_URL": self.url, "C_FORCE_ROOT": "1", **variables}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=self.directory
            )
        self.processes.append(process)
        wait_for(lambda: ready in log.read_text() or process.poll() is not None, f"{name} ready")
        if process.poll() is not None:
            raise SystemExit(f"{name} ended:\n{log.read_text()[-2000:]}")
        return process

    def worker(self, node, *options, **variables):
        """Start a worker and return its process."""
        command = [str(CELERY_PYTHON), "-m", "celery", "worker", "-P", "solo", "-n", node, "-l", "INFO"]
        return self.start(node, " ready.", *command, "--without-gossip", "--without-mingle", *options, **variables)

    def mailboxes(self, model, pattern, count, **variables):
        """Start one process that answers for so many nodes, with what the model answers."""
        command = [str(CELERY_PYTHON), str(STANDS_FOR / "mailboxes/answer.py"), model, pattern, str(count)]
        return self.start("mailboxes", "answering", *command, **variables)

    def supervisors(self, directory, program, pid):
        """Start one process that answers for the supervisord of each directory, of which each runs that process."""
        command = [sys.executable, str(STANDS_FOR / "supervisors/answer.py"), str(directory), program, str(pid)]
        return self.start("supervisors", "answering", *command)

    def end(self):
        """End all of them."""
        for process in reversed(self.processes):
            self.stop(process)

    def stop(self, process):
        """End one of them."""
        process.kill()
        process.wait()
