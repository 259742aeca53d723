"""What the playbook health costs for each host, against ansible.builtin.ping on the same hosts in the same run.

fleet.py [HOSTS...], 10 50 200 where nothing is said. CPU seconds of ansible-playbook and of all that it starts, here and
"on the hosts".

What is real: Ansible, the playbook with its roles and modules, the application that asks, a Redis, and one Celery worker
with the sentinel. What is faked: all hosts are this machine, over local connections, with directories of their own.
Every host has the same one worker, which a process that stands for all supervisords says is its own, and another process
answers for all nodes with that worker's replies. Redis, the worker and these two are not counted. There is no beat, no
Flower, no become, and a second between the two samples.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from shared.servers import CELERY_PYTHON, ROOT, Servers, cpu_of_children
from waiting import PATIENCE

SIZES = (10, 50, 200)
# So many times for the size; the least of them counts, for what else runs here only adds.
REPEATS = 2
FORKS = 20
GOAL_PING, GOAL_GROWTH = 2.5, 1.2

APPLICATION = """
import os
from celery import Celery
app = Celery("bench_fleet", broker=os.environ["CELERY_BROKER_URL"])
"""

PING = [{"hosts": "celery", "gather_facts": False, "tasks": [{"name": "Ping", "ansible.builtin.ping": {}}]}]


@dataclass
class Cost:
    """CPU seconds for each host of a fleet of that size."""

    hosts: int
    health: float
    ping: float

    @property
    def ratio(self):
        return self.health / self.ping


class Fleet:
    """So many hosts, each with a directory, and the servers that stand for what runs on them."""

    def __init__(self, directory, count):
        self.directory, self.count = Path(directory), count
        for number in range(1, count + 1):
            self.make_host(self.directory / "hosts" / f"host{number}")
        (self.directory / "ping.yml").write_text(json.dumps(PING))
        self.servers = Servers(directory)
        try:
            self.serve()
        except BaseException:
            self.servers.end()
            raise

    def make_host(self, home):
        """Write what the roles would have left there."""
        for name in ("etc/supervisor.d", "run", "log", "var"):
            (home / name).mkdir(parents=True)
        (home / "bench_fleet.py").write_text(APPLICATION)
        (home / "log/worker-w1.log").write_text("a line of the log\n" * 100)
        marker = "# Managed by taskfleet.celery: app=bench-fleet owner=celery_worker\n"
        (home / "etc/supervisor.d/bench-fleet-worker-w1.conf").write_text(marker)

    def serve(self):
        """Start what the hosts and the speaker talk to."""
        model_url = self.servers.url.removesuffix("0") + "1"
        sentinel = {
            "PYTHONPATH": str(ROOT / "roles/celery_app/files"),
            "TASKFLEET_HEARTBEAT": str(self.directory / "heartbeat.json"),
        }
        worker = self.servers.worker("w1@model", "-I", "taskfleet_sentinel", CELERY_BROKER_URL=model_url, **sentinel)
        for home in (self.directory / "hosts").iterdir():
            (home / "etc/celery.env").write_text(f"CELERY_BROKER_URL={self.servers.url}\n")
        self.servers.mailboxes("w1@model", "w1@host{}", self.count, MODEL_BROKER_URL=model_url)
        self.servers.supervisors(self.directory / "hosts", "bench-fleet-worker-w1", worker.pid)
        (self.directory / "inventory.json").write_text(json.dumps(self.inventory()))

    def inventory(self):
        """Return the hosts with what they declare."""
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "celery_app_name": "bench-fleet",
            "celery_app_module": "bench_fleet",
            "celery_app_scope": "user",
            "celery_app_service_manager": "supervisor",
            "celery_app_home": f"{self.directory}/hosts/{{{{ inventory_hostname }}}}",
            "celery_app_venv": str(CELERY_PYTHON.parents[1]),
            "celery_app_broker_url": self.servers.url,
            "celery_worker_instances": [{"name": "w1", "queues": ["celery"], "pool": "solo"}],
            "celery_health_interval": 1,
            "celery_health_timeout": PATIENCE,
            "celery_report_dir": str(self.directory / "reports"),
        }
        hosts = {f"host{number}": {} for number in range(1, self.count + 1)}
        return {"celery": {"children": {"celery_workers": {"hosts": hosts}}, "vars": variables}}

    def cpu(self, playbook):
        """Run a playbook and return the CPU seconds of all its processes for each host."""
        command = ["ansible-playbook", "-i", str(self.directory / "inventory.json"), playbook]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_FORKS": str(FORKS)}
        before = cpu_of_children()
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        spent = cpu_of_children() - before
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}{done.stderr[-1000:]}")
        return spent / self.count

    def health(self):
        """Run the playbook health, see that it found everything healthy, and return its CPU seconds for each host."""
        spent = self.cpu("taskfleet.celery.health")
        report = json.loads((self.directory / "reports/report.json").read_text())
        verdicts = [node["verdict"] for node in report["nodes"]]
        if verdicts != ["healthy"] * self.count or report["findings"]:
            raise SystemExit(f"of {self.count} healthy nodes was said: {report['summary']} {report['findings'][:3]}")
        return spent

    def cost(self):
        """Return the least of some runs, taken by turns."""
        runs = [(self.health(), self.cpu(str(self.directory / "ping.yml"))) for _repeat in range(REPEATS)]
        health, ping = (min(side) for side in zip(*runs, strict=True))
        return Cost(self.count, health, ping)


def measure(count):
    """Return what a fleet of that size costs."""
    with tempfile.TemporaryDirectory() as directory:
        fleet = Fleet(directory, count)
        try:
            return fleet.cost()
        finally:
            fleet.servers.end()


def main():
    """Print the costs and both ratios; return whether a goal is missed."""
    sizes = sorted(int(word) for word in sys.argv[1:]) or SIZES
    print("CPU seconds for each host     health     ping    ratio")
    costs = []
    for count in sizes:
        costs.append(measure(count))
        print(
            f"{count:5} hosts                {costs[-1].health:8.3f} {costs[-1].ping:8.3f} {costs[-1].ratio:8.2f}",
            flush=True,
        )
    first, last = costs[0], costs[-1]
    growth = last.health / first.health
    print(f"health against ping, {last.hosts} hosts: {last.ratio:.2f} (goal: at most {GOAL_PING})")
    print(f"health, {last.hosts} hosts against {first.hosts}: {growth:.2f} (goal: at most {GOAL_GROWTH})")
    met = last.ratio <= GOAL_PING and growth <= GOAL_GROWTH
    print("goals met" if met else "GOALS NOT MET")
    return not met


if __name__ == "__main__":
    sys.exit(main())
