"""What the incidents of breathecode share."""

from __future__ import annotations

import contextlib
import json

from helpers import HOSTS, module, wait_for

[HOST] = HOSTS
DELIVER = "task_manager.tasks.deliver"
BROKER = 5672
# Acknowledgements and the ends of connections are smaller; every message is larger.
SMALL = 100


def queue():
    """Return what celery_queue_info tells of the queue, with RabbitMQ's management API."""
    told = module(
        HOST,
        "celery_queue_info",
        celery_python=HOST.facts["python"],
        app=HOST.facts["module"],
        chdir=HOST.facts["source_dir"],
        environment_file=f"{HOST.facts['config_dir']}/celery.env",
        user=HOST.facts["user"],
        management_url="http://127.0.0.1:15672",
    )
    assert told["broker"]["reachable"], told
    return told["queues"]["default"]


def heartbeat(worker):
    return json.loads(HOST.check(f"cat {HOST.facts['run_dir']}/worker-{worker.instance}.heartbeat.json"))


def ports(worker):
    """Return the local ports of a worker's connections to the broker."""
    listed = HOST.check(f"ss --no-header --tcp --numeric --processes state established 'dport = :{BROKER}'")
    mine = [line for line in listed.splitlines() if f"pid={worker.pid}," in line]
    found = [line.split()[2].rpartition(":")[2] for line in mine]
    assert found, f"{worker.node} has no connection to the broker:\n{listed}"
    return found


@contextlib.contextmanager
def path_lost(workers):
    """Lose the way between the broker and these workers, for the connections that they have.

    Small packets still pass, so neither side learns of it from TCP: the broker sends messages that never arrive, and
    the worker waits. A new connection is well.
    """
    rules = []
    for worker in workers:
        for port in ports(worker):
            rules.append(f"INPUT -p tcp --sport {BROKER} --dport {port} -m length --length {SMALL}: -j DROP")
            rules.append(f"INPUT -p tcp --sport {port} --dport {BROKER} -m length --length {SMALL}: -j DROP")
    HOST.check(" && ".join(f"iptables -A {rule}" for rule in rules))
    try:
        yield
    finally:
        HOST.check(" && ".join(f"iptables -D {rule}" for rule in rules))


def all_well():
    """Whether every worker's sentinel is content."""
    told = [heartbeat(worker) for worker in HOST.workers]
    return all(beat["state"] == "ready" and not beat["problem"] for beat in told)


def wait_until_well(seconds=60):
    wait_for(all_well, seconds, "every worker is well")
