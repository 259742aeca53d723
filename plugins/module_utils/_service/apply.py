# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Declares the services of one owner, and takes the steps to what is declared. Private to the collection.

``params`` are those of the module ``celery_service``.
"""

from __future__ import annotations

import os
import time

from ansible_collections.taskfleet.celery.plugins.module_utils._common.bounded import bounded
from ansible_collections.taskfleet.celery.plugins.module_utils._common.environ import environ_of
from ansible_collections.taskfleet.celery.plugins.module_utils._service import files, owned_files, steps
from ansible_collections.taskfleet.celery.plugins.module_utils._service.errors import ServiceError
from ansible_collections.taskfleet.celery.plugins.module_utils._service.managers import ARGUMENTS as MANAGER_ARGUMENTS
from ansible_collections.taskfleet.celery.plugins.module_utils._service.managers import manager_named
from ansible_collections.taskfleet.celery.plugins.module_utils._service.ready import wait_ready

# Of a log, what a message has.
MOST_BYTES = 2000

ARGUMENTS = {
    **MANAGER_ARGUMENTS,
    "app": {"type": "str", "required": True},
    "owner": {"type": "str", "required": True},
    "manager": {"type": "str", "required": True, "choices": ["systemd", "supervisor"]},
    "managers": {"type": "list", "elements": "str", "default": [], "choices": ["systemd", "supervisor"]},
    "config_directory": {"type": "path", "required": True},
    "group": {"type": "str"},
    "log_owner": {"type": "str"},
    "environment_file": {"type": "path", "required": True},
    "revision": {"type": "str", "default": ""},
    "services": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "unit": {"type": "str", "required": True},
            "environment_name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
            "start_wait": {"type": "int", "default": 60},
            "heartbeat": {"type": "path"},
            "stop_timeout": {"type": "int", "required": True},
            "log_file": {"type": "path"},
        },
    },
    "environments": {"type": "dict", "required": True, "no_log": True},
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "content": {"type": "str", "required": True},
            "mode": {"type": "str", "default": "0644"},
        },
    },
    # These two are for the action.
    "unit_template": {"type": "str"},
    "file_templates": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "src": {"type": "str", "required": True},
            "dest": {"type": "path", "required": True},
            "mode": {"type": "str", "default": "0644"},
        },
    },
    "remove_timeout": {"type": "int", "default": 300},
    "step": {"type": "dict"},
}


def managers_of(params):
    """The service managers that this call may touch, by name."""
    return {name: manager_named(name, params) for name in dict.fromkeys([params["manager"], *params["managers"]])}


def manager_of(params, step):
    """The service manager that a step is about."""
    return manager_named(step.get("manager") or params["manager"], params)


def status_of(manager, names):
    """Status of services, with the digest that each running process was started with."""
    if not manager.available():
        return {}
    status = manager.status(names)
    for entry in status.values():
        entry["digest"] = environ_of(entry["main_pid"]).get("TASKFLEET_CONFIG") if entry["main_pid"] else None
    return status


def set_boot(desired, status, manager, check_mode):
    """Enable what is declared started, disable what is declared stopped. Returns whether anything differed."""
    on = [s["name"] for s in desired if s["state"] == "started" and not status.get(s["name"], {}).get("enabled")]
    off = [s["name"] for s in desired if s["state"] == "stopped" and status.get(s["name"], {}).get("enabled")]
    if not manager.has_boot_state:
        return False
    if not check_mode:
        manager.enable(on)
        manager.disable(off)
    return bool(on or off)


def adopt(desired, status, manager, check_mode):
    """Let the manager know the services that are declared stopped, too. Returns whether one was new to it."""
    idle = [
        s["name"]
        for s in desired
        if s["state"] == "stopped" and status.get(s["name"], {}).get("active") not in steps.RUNNING
    ]
    return not check_mode and manager.available() and bool(manager.adopt(idle))


def declare(params, check_mode):
    """Write all files of the owner; answer the steps still to take."""
    managers = managers_of(params)
    manager = managers[params["manager"]]
    mark = owned_files.marker(params["app"], params["owner"])
    desired = files.desired_files(params, manager)
    files.refuse_foreign(desired, mark)
    stale = files.stale_services(params, managers, mark)
    logs = files.apply_logs(params, check_mode)
    written, diffs = files.apply_files(params, desired, manager, check_mode)
    status = status_of(manager, [service["name"] for service in desired])
    boot = set_boot(desired, status, manager, check_mode)
    pending = steps.plan_steps(desired, status, stale)
    adopted = adopt(desired, status, manager, check_mode)
    changed = bool(logs or written or boot or adopted)
    return {"changed": changed, "pending": pending, "written": written, "diff": diffs}


def take(params, step, check_mode):
    """Take one step and report the process before and after it."""
    name = step["name"]
    manager = manager_of(params, step)
    if check_mode:
        return {"changed": True, "pending": []}
    service = next((s for s in params["services"] if s["name"] == name), None)
    before = status_of(manager, [name]).get(name, {}).get("main_pid", 0)
    begun = time.monotonic()
    if step["action"] == "remove":
        remove(params, manager, step)
    elif step["action"] == "stop":
        manager.stop(name, service["stop_timeout"])
        manager.adopt([name])
    elif step["action"] == "start":
        manager.start(name, service["start_wait"])
    else:
        manager.restart(name, service["stop_timeout"], service["start_wait"])
    if step["action"] in ("start", "restart") and service["heartbeat"] and not manager.tells_ready:
        wait_ready(manager, name, service["heartbeat"], service["start_wait"])
    after = status_of(manager, [name]).get(name, {}).get("main_pid", 0)
    seconds = round(time.monotonic() - begun, 1)
    return {"changed": True, "pending": [], "before_pid": before, "after_pid": after, "seconds": seconds}


def remove(params, manager, step):
    """Stop a service after its tasks have finished, within its own time, and leave nothing of it."""
    manager.retire(step["name"], files.stop_timeout(manager.path(step["name"])) or params["remove_timeout"])
    paths = [manager.path(step["name"])]
    # Under another service manager the same service goes on with the same environment.
    if step["environment_name"] not in {service["environment_name"] for service in params["services"]}:
        paths.append(os.path.join(params["config_directory"], step["environment_name"]))
    for path in paths:
        if os.path.exists(path):
            os.unlink(path)
    manager.forget(step["name"])


def last_lines(params, step):
    """Return the last lines of the log of the service that a step is about, or an empty text."""
    if not step:
        return ""
    service = next((s for s in params["services"] if s["name"] == step["name"]), {})
    try:
        lines = [manager_of(params, step).explain(step["name"]).strip()]
    except ServiceError as error:
        lines = [str(error)]
    # Where the service manager writes to a file, the service's own words are there.
    return "\n".join(filter(None, [*lines, _end_of(service["log_file"]) if service.get("log_file") else ""]))


def _end_of(path):
    """Return the last lines of a log that the application may write, or why they are not known."""
    try:
        return bounded(path, MOST_BYTES, from_end=True).decode("utf-8", "replace").strip()
    except (OSError, ValueError) as error:
        return str(error)
