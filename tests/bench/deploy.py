"""The second deployment against the first, and a host with ten workers against a host with one.

Runs against a container of its own; needs Docker and the images.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MANY = 10
REPEATS = 3
GOAL_PER_INSTANCE = 0.5


def playbook(*arguments):
    """Run a playbook, end with its output where it fails, and return the seconds it took."""
    command = ["ansible-playbook", "-i", "tests/bench/inventory", "-i", "molecule/shared/inventory", *arguments]
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": "ansible.cfg",
        "MOLECULE_SCENARIO_NAME": "bench",
        "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
    }
    begun = time.monotonic()
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{result.stdout[-4000:]}{result.stderr[-1000:]}")
    return time.monotonic() - begun


def deploy(instances):
    """Deploy with so many workers and return the seconds it took."""
    return playbook("taskfleet.celery.deploy", "-e", f"bench_instances={instances}")


def again(instances):
    """Return the least of several deployments that change nothing: the others had to wait for the machine."""
    return min(deploy(instances) for _repeat in range(REPEATS))


def main():
    """Print both comparisons."""
    playbook("molecule/shared/create.yml")
    try:
        first = deploy(1)
        one = again(1)
        deploy(MANY)
        many = again(MANY)
    finally:
        playbook("molecule/shared/destroy.yml")
    further = (many - one) / (MANY - 1)
    print(f"first deployment, 1 worker       {first:6.1f} s")
    print(f"second deployment, 1 worker      {one:6.1f} s   {one / first:.2f} of the first")
    print(f"second deployment, {MANY} workers    {many:6.1f} s   {many / one:.2f} of that with 1")
    print(f"each further worker              {further:6.2f} s   goal: at most {GOAL_PER_INSTANCE} s")


if __name__ == "__main__":
    main()
