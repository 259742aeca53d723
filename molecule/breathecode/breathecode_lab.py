"""What the incidents of breathecode share."""

from __future__ import annotations

from helpers import HOSTS

[HOST] = HOSTS
DELIVER = "task_manager.tasks.deliver"
BROKER = 5672
# Acknowledgements and the ends of connections are smaller; every message is larger.
SMALL = 100


def queue():
    """Return what celery_queue_info tells of the queue, with RabbitMQ's management API."""
    info = HOST.ask("celery_queue_info", management_url="http://127.0.0.1:15672")
    assert info["broker"]["reachable"], info
    return info["queues"]["default"]


def ports(worker):
    """Return the local ports of a worker's connections to the broker."""
    listed = HOST.check(f"ss --no-header --tcp --numeric --processes state established 'dport = :{BROKER}'")
    mine = [line for line in listed.splitlines() if f"pid={worker.pid}," in line]
    found = [line.split()[2].rpartition(":")[2] for line in mine]
    assert found, f"{worker.node} has no connection to the broker:\n{listed}"
    return found


def path_lost(workers):
    """Lose the way between the broker and these workers, for the connections that they have.

    Small packets still pass, so neither side learns of it from TCP: the broker sends messages that never arrive, and
    the worker waits. A new connection is well.
    """
    rules = []
    for worker in workers:
        for port in ports(worker):
            rules.append(f"INPUT -p tcp --sport {BROKER} --dport {port} -m length --length {SMALL}:")
            rules.append(f"INPUT -p tcp --sport {port} --dport {BROKER} -m length --length {SMALL}:")
    return HOST.dropped(*rules)
