"""What the incidents of customify share."""

from __future__ import annotations

import contextlib
import json

from helpers import HOSTS, wait_until_content
from waiting import wait_for

[HOST] = HOSTS
WORKERS = {worker.instance: worker for worker in HOST.workers}
BROKER = 6379
EMAIL = "send_email"
DATABASE = "postgresql@17-main.service"

# What Redis says of who waits for work: the port of each, by the name of its connection. Who waits asks each second.
WAITING = """
from app.config import BROKER_URL
import json, redis
clients = redis.Redis.from_url(BROKER_URL).client_list()
waiting = [one for one in clients if one["cmd"] == "brpop" and int(one["idle"]) < 3]
print(json.dumps({one["name"]: one["addr"].rpartition(":")[2] for one in waiting}))
"""


def wait_until_well(workers=None):
    wait_until_content(workers or WORKERS.values())


@contextlib.contextmanager
def half_open(worker):
    """Lose the way of the one connection on which a worker waits for tasks, while no task is on its way.

    Redis hands a task to a connection and forgets it: one that is on its way would be gone with any client.
    """

    def port():
        return json.loads(HOST.python(WAITING, "customify-run", "python", "-")).get(worker.node)

    found = wait_for(port, f"{worker.node} waits for tasks")
    with HOST.dropped(
        f"INPUT -p tcp --sport {BROKER} --dport {found}", f"INPUT -p tcp --sport {found} --dport {BROKER}"
    ):
        wait_for(lambda: not port(), f"Redis no longer sees {worker.node} wait")
        yield


@contextlib.contextmanager
def database_hangs():
    """Let PostgreSQL take connections and answer none. Those that are there still work."""
    HOST.check(f"systemctl kill --kill-whom=main --signal=STOP {DATABASE}")
    try:
        yield
    finally:
        HOST.check(f"systemctl kill --kill-whom=main --signal=CONT {DATABASE}")


def designs(*arguments):
    """Do what the API does."""
    return json.loads(HOST.check(" ".join(["customify-run python -m app.designs", *arguments])))


# A worker of a laptop whose clock is five hours ahead, started on the host with the application's own environment.
STRANGER = "celery@DESK-ACANTA"
LAPTOP = "/tmp/laptop"
SKEWED = """import time
_now = time.time
time.time = lambda: _now() + 5 * 3600
"""


@contextlib.contextmanager
def stranger(queues):
    """Let a worker that nobody has declared consume these queues, with a clock that is five hours ahead."""
    HOST.check(f"mkdir -p {LAPTOP} && chmod 755 {LAPTOP}")
    HOST.check(f"printf '%s' '{SKEWED}' > {LAPTOP}/sitecustomize.py")
    HOST.check(
        f"systemd-run --unit=laptop --setenv=PYTHONPATH={LAPTOP} customify-run env PYTHONPATH={LAPTOP}"
        f" celery -A {HOST.facts['module']} worker --hostname={STRANGER} --queues={','.join(queues)}"
        f" --pool=solo --pidfile= --loglevel=INFO"
    )
    try:
        HOST.answers("ping", STRANGER)
        yield
    finally:
        HOST.on.run("systemctl stop laptop")
