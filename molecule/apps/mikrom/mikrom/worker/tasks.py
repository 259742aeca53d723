"""Operations on virtual machines. They block: each waits for a process that it has started."""

from __future__ import annotations

import os
import subprocess
import time

from celery.utils.log import get_task_logger

from mikrom.celery_app import celery_app
from mikrom.clients.firecracker import run
from mikrom.config import settings

logger = get_task_logger(__name__)


def operation(name):
    """Make the task of an operation on a host."""

    @celery_app.task(name=name)
    def task(host, entry=""):
        try:
            run(host)
        finally:
            _note(entry)
        return {"host": host, "operation": name}

    return task


create_vm_task = operation("create_vm_task")
delete_vm_task = operation("delete_vm_task")
start_vm_task = operation("start_vm_task")
stop_vm_task = operation("stop_vm_task")
restart_vm_task = operation("restart_vm_task")


@celery_app.task(name="provision_task")
def provision_task(seconds=0, entry=""):
    """Wait for a process that takes so long."""
    subprocess.run(["sleep", str(seconds)], check=True, timeout=settings.ANSIBLE_PLAYBOOK_TIMEOUT)
    _note(entry)
    return entry


@celery_app.task(name="await_boot_task")
def await_boot_task(path, entry=""):
    """Wait until a machine has booted, as a file, for as long as an operation may take."""
    end = time.monotonic() + settings.ANSIBLE_PLAYBOOK_TIMEOUT
    while not os.path.exists(path) and time.monotonic() < end:
        time.sleep(0.1)
    _note(entry)
    return entry


# Whoever dies of it must not be given it again.
@celery_app.task(name="image_task", acks_late=False)
def image_task(mib):
    """Read the image of a machine into memory, all of it."""
    return len(b"x" * (mib << 20))


@celery_app.task(name="console_task")
def console_task(path, entry=""):
    """Read what a machine writes to its console, a pipe: opening it blocks until somebody writes."""
    with open(path, encoding="utf-8") as console:
        console.read()
    _note(entry)
    return entry


@celery_app.task(name="debug_task", bind=True)
def debug_task(self):
    """Return what the worker knows of this run."""
    return {
        "node": self.request.hostname,
        "priority": self.request.delivery_info.get("priority"),
        "timelimit": self.request.timelimit,
        "settings": vars(settings),
        "at": time.time(),
    }


@celery_app.task
def cleanup_old_vms():
    """Once a day."""
    return 0


@celery_app.task
def health_check():
    """Once an hour."""
    return "OK"


@celery_app.task
def sync_vm_status():
    """Every five minutes."""
    return {"at": time.time()}


@celery_app.task
def generate_report():
    """On weekdays."""
    return "report"


def _note(entry):
    ledger = os.environ.get("MIKROM_LEDGER")
    if ledger and entry:
        with open(ledger, "a", encoding="utf-8") as file:
            file.write(f"{entry}\n")
