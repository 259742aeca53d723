"""Runs playbooks on the hosts of the virtual machines."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor

import ansible_runner

from mikrom.config import settings

PLAYBOOK = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [{"name": "Reach the host", "ansible.builtin.raw": "true"}],
    }
]


class FirecrackerError(Exception):
    """A playbook did not succeed."""


def run(host):
    """Run the playbook on a host, for at most as long as an operation may take."""
    with tempfile.TemporaryDirectory(prefix="mikrom-") as directory, ThreadPoolExecutor(max_workers=1) as executor:
        future = executor.submit(
            ansible_runner.run,
            private_data_dir=directory,
            playbook=PLAYBOOK,
            inventory=f"{host} ansible_user=mikrom ansible_ssh_common_args='-o BatchMode=yes -o StrictHostKeyChecking=no'",
            envvars={"ANSIBLE_TIMEOUT": str(int(settings.ANSIBLE_SSH_TIMEOUT)), "HOME": directory},
            settings={"job_timeout": int(settings.ANSIBLE_PLAYBOOK_TIMEOUT)},
            quiet=True,
        )
        runner = future.result(timeout=settings.ANSIBLE_PLAYBOOK_TIMEOUT + 5)
    if runner.status != "successful":
        raise FirecrackerError(f"{host}: {runner.status}")
