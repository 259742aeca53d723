"""The application of the tests: tasks, and control commands that break the worker from inside."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

from celery import Celery
from celery.beat import PersistentScheduler
from celery.worker.control import Panel
from kombu import Queue
from kombu.common import Broadcast

# Seconds after which what waits for a file goes on without it, so that nothing stays behind.
LIMIT = 600

app = Celery("watched", broker=os.environ["BROKER"], backend=os.environ.get("RESULTS"))
app.conf.update(
    broker_read_url=os.environ.get("READ"),
    broker_connection_retry_on_startup=True,
    task_default_queue="default",
    broker_transport_options={"socket_timeout": int(os.environ.get("SOCKET_TIMEOUT", "29"))},
    # Celery kills a process of its pool that has not come up by then.
    worker_proc_alive_timeout=LIMIT,
    worker_prefetch_multiplier=1,
    beat_schedule={"add": {"task": "watched.add", "schedule": float(os.environ.get("EVERY", "1")), "args": (1, 1)}},
)

if os.environ.get("BROADCAST"):
    app.conf.task_queues = [Queue("default"), Queue("reports"), Broadcast(os.environ["BROADCAST"])]
    app.conf.worker_direct = True


@app.task
def add(x, y):
    return x + y


def wait_for(file, pause):
    """Pause until the file is there."""
    end = time.monotonic() + LIMIT
    while not os.path.exists(file) and time.monotonic() < end:
        pause()


@app.task
def hold(file):
    """Run until the file is there."""
    wait_for(file, lambda: time.sleep(0.1))


@Panel.register
def block(state, file):
    """Block the thread that runs this, and every greenlet in it, until the file is there; FILE.begun tells that it does."""
    Path(f"{file}.begun").touch()
    wait_for(file, lambda: ctypes.CDLL(None).usleep(100_000))


@Panel.register
def deafen(state):
    """Never ask the broker for a task again."""
    state.consumer.task_consumer.channel.qos.can_consume = lambda: False


class Hanging(PersistentScheduler):
    """Its third tick never ends."""

    ticks = 0

    def tick(self, *arguments, **options):
        self.ticks += 1
        if self.ticks == 3:
            time.sleep(3600)
        return super().tick(*arguments, **options)
