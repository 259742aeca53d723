# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small application. FLEET_<setting>, in JSON, is one of its settings."""

from __future__ import annotations

import json
import os
import time

from celery import Celery
from celery.worker.control import control_command

PREFIX = "FLEET_"

app = Celery("fleet")
app.conf.update(
    broker_url=os.environ.get("CELERY_BROKER_URL"),
    result_backend=os.environ.get("CELERY_RESULT_BACKEND"),
    broker_connection_retry_on_startup=True,
    worker_send_task_events=False,
    # Celery kills a process of its pool that has not come up by then.
    worker_proc_alive_timeout=600,
)
app.conf.update(
    {name[len(PREFIX) :].lower(): json.loads(text) for name, text in os.environ.items() if name.startswith(PREFIX)}
)


@control_command(args=[("seconds", float)])
def doze(_state, seconds):
    """Answer nobody else meanwhile."""
    time.sleep(seconds)


@app.task
def add(x, y):
    return x + y


@app.task
def nap(seconds):
    time.sleep(seconds)
    return seconds


@app.task
def fail(text):
    raise ValueError(text)


@app.task(bind=True, ignore_result=True)
def quiet(self):
    """Leave no result, even where the sender wishes for one, which newer releases would grant."""
    self.request.ignore_result = True


@app.task(bind=True)
def where(self):
    """Return the name of the worker that runs it."""
    return self.request.hostname
