"""The application of the tests: tasks, and control commands that break the worker from inside."""

from __future__ import annotations

import ctypes
import os
import time

from celery import Celery
from celery.beat import PersistentScheduler
from celery.worker.control import Panel

app = Celery("watched", broker=os.environ["BROKER"], backend=os.environ.get("RESULTS"))
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_default_queue="default",
    broker_transport_options={"socket_timeout": 29},
    worker_prefetch_multiplier=1,
    beat_schedule={"add": {"task": "watched.add", "schedule": float(os.environ.get("EVERY", "1")), "args": (1, 1)}},
)


@app.task
def add(x, y):
    return x + y


@app.task
def nap(seconds):
    time.sleep(seconds)
    return seconds


@Panel.register
def block(state, seconds=0):
    """Block the thread that runs this, and every greenlet in it."""
    ctypes.CDLL(None).sleep(int(seconds))


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
