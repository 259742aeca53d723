"""How soon the sentinel names a fault, against what docs/sentinel.md promises.

The tests wait for each fault as long as it takes, so that none of them decides by how quick the machine is. Here a
worker on a Redis of its own is broken in three ways, and its heartbeat is read until it names the problem.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration/targets/sentinel"))

from harness import Proxy, Redis, Worker, wait_for

CELERY_PYTHON = ROOT / ".cache/venv-bench/bin/python"
PROMISE = 15
REPEATS = 3


def block_the_loop(worker, _proxy):
    """Have a control command never come back."""
    never = worker.heartbeat.with_name("never")
    worker.control("block", file=str(never))
    wait_for(never.with_suffix(".begun").exists, "the loop is blocked")


def stop_a_child(worker, _proxy):
    """Stop a process of the pool."""
    os.kill(worker.file["children"][0]["pid"], signal.SIGSTOP)


def kill_the_connection(_worker, proxy):
    """Let the consumer's connection bring nothing any more."""
    wait_for(lambda: proxy.kill(b"BRPOP"), "the consumer asks for tasks")


FAULTS = {
    "blocked loop": (block_the_loop, "loop_stalled"),
    "stopped process of the pool": (stop_a_child, "pool_dead"),
    "dead connection": (kill_the_connection, "connection_lost"),
}


def seconds_until_named(fault, problem):
    """Break a new worker; return the seconds from then until its heartbeat names the problem."""
    with tempfile.TemporaryDirectory() as directory:
        redis = Redis(directory)
        proxy = Proxy(redis.port)
        worker = Worker(Path(directory), str(CELERY_PYTHON), redis.url(port=proxy.port), SOCKET_TIMEOUT="600")
        try:
            worker.wait_for("ready", state="ready", problem="")
            wait_for(lambda: worker.file["broker"]["last_proof"], "the observer has asked")
            fault(worker, proxy)
            broken_at = time.time()
            return worker.wait_for("it is named", problem=problem)["written_at"] - broken_at
        finally:
            worker.clean_up()
            redis.stop()


def main():
    """Print a line for each fault: the slowest of some workers, and its ratio to the promise."""
    print(f"{'seconds until the heartbeat names it':<36} {'median':>7} {'slowest':>8} {'promised':>9}   ratio")
    for name, (fault, problem) in FAULTS.items():
        seconds = [seconds_until_named(fault, problem) for _repeat in range(REPEATS)]
        slowest = max(seconds)
        print(
            f"{name:<36} {statistics.median(seconds):7.1f} {slowest:8.1f} {PROMISE:9}   {slowest / PROMISE:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
