"""What no signal, packet filter or file can break from outside. Loaded only where SHOP_FAULTS is set."""

from __future__ import annotations

import logging
import os
import threading
import time

from celery.signals import worker_process_init
from celery.worker.control import control_command

from shop.celery import app

if os.environ.get("SHOP_BLIND"):
    # The worker's sentinel writes its heartbeat nowhere.
    os.environ.pop("TASKFLEET_HEARTBEAT", None)


@control_command()
def forget(state, module):
    """Take away what a module does before each turn of the worker's loop.

    Of kombu: the loop asks the broker for no message again, as after celery#8030, where the end of an old channel does it.
    Of Celery's pool: no task is written to a process of the pool again, as in celery#4185.
    """
    hub = state.consumer.hub
    found = [callback for callback in hub.on_tick if getattr(callback, "__module__", "").startswith(module)]
    for callback in found:
        hub.on_tick.discard(callback)
    logging.getLogger(__name__).warning("%d callbacks of %s are forgotten", len(found), module)
    return {"ok": len(found)}


@worker_process_init.connect
def slow_birth(**_):
    """A pool process that does something slow at its birth, as OpenTranscribe#631 did."""
    time.sleep(float(app.conf.get("shop_slow_birth") or 0))


@app.task
def deadlock():
    """Wait for a lock that nobody frees, as after a fork beside a thread that held it (celery#496)."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
