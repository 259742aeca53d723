"""The shop's tasks: small, and each shows one thing that a deployment must get right."""

from __future__ import annotations

import ctypes
import os
import time

from shop.celery import app


@app.task
def add(x, y):
    """Return the sum."""
    return x + y


@app.task
def refund(order):
    """Return the order; routed to the queue high_priority."""
    return {"refunded": order}


@app.task
def report(month):
    """Return the month; routed to the queue reports."""
    return {"report": month}


@app.task(bind=True)
def whoami(self):
    """Return the name of the node that ran the task."""
    return self.request.hostname


@app.task
def sleep_for(seconds, entry=""):
    """Work for some seconds, then write the entry to the ledger, once."""
    time.sleep(seconds)
    ledger = os.environ.get("SHOP_LEDGER")
    if ledger:
        with open(ledger, "a", encoding="utf-8") as file:
            file.write(f"{entry}\n")
    return seconds


@app.task
def work_until(path):
    """Work until a file appears, for ten minutes at most."""
    end = time.monotonic() + 600
    while not os.path.exists(path) and time.monotonic() < end:
        time.sleep(0.1)
    return path


@app.task
def hog(seconds):
    """Block the whole thread, with every greenlet in it."""
    ctypes.CDLL(None).sleep(int(seconds))


@app.task(bind=True)
def timeouts(self):
    """Return the limits that the process was given."""
    names = (
        "ANSIBLE_PLAYBOOK_TIMEOUT",
        "CELERY_OPERATION_TIMEOUT",
        "CELERY_TASK_SOFT_TIME_LIMIT",
        "CELERY_TASK_HARD_TIME_LIMIT",
    )
    return {
        "environment": {name: os.environ.get(name) for name in names},
        "timelimit": self.request.timelimit,
    }


@app.task
def environment(name):
    """Return one of the shop's own variables, SHOP_*, as the worker sees it."""
    if not name.startswith("SHOP_"):
        raise ValueError(f"{name}: only SHOP_* may be asked for")
    return os.environ.get(name)


@app.task
def tick(name):
    """Return the name of the beat entry that sent this, and the time."""
    return {"entry": name, "at": time.time()}
