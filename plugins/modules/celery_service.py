#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: celery_service
short_description: Bring the services of one owner to their declared state (internal)
version_added: 0.1.0
author: taskfleet maintainers (@taskfleet)
description:
  - Internal to the collection's roles. Without O(step) it writes the files of all services of an owner that
    differ, lets the service manager read them, and answers which steps are still to take. It touches no process.
  - With O(step) it takes that one step, waits for it within its bound, and reports the process before and after.
  - A service is restarted when its running process was started with something else than what is declared now.
    That is read from the process itself, so a run that was interrupted is completed by the next one.
  - Files that carry the owner's marker and are no longer declared lead to a V(remove) step. A file without the
    marker is never written and never removed.
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.actiongroup_celery
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Environment files may hold secrets. Their diff names the file and shows no content.
  idempotent:
    support: full
options:
  app:
    description: Name of the application, the prefix of every service.
    type: str
    required: true
  owner:
    description: Name of the role that owns the services.
    type: str
    required: true
  manager:
    description: Service manager of the declared services.
    type: str
    choices: [systemd, supervisor]
    required: true
  managers:
    description:
      - Service managers to sweep. Services of the owner that are still under the other manager are removed, so
        that moving from one to the other leaves no second worker of the same name.
    type: list
    elements: str
    choices: [systemd, supervisor]
    default: []
  supervisor_directory:
    description: Directory of supervisor's program files.
    type: path
    default: /etc/supervisor/conf.d
  supervisor_socket:
    description: Path of supervisord's XML-RPC socket.
    type: path
    default: /var/run/supervisor.sock
  config_directory:
    description: Directory of the environment files.
    type: path
    required: true
  group:
    description:
      - Group that may read the environment files and the log files. Environment files are owned by root.
        Left out, ownership is not changed.
    type: str
  log_owner:
    description: User that owns the log files. Left out, ownership is not changed.
    type: str
  environment_file:
    description: Environment file that the services share. Its content counts as part of what a process was told.
    type: path
    required: true
  revision:
    description: Revision of the application's code. It counts as part of what a process was told.
    type: str
    default: ""
  services:
    description: Every declared service of the owner.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the unit without C(.service), or of the program.
        type: str
        required: true
      unit:
        description: Text of the unit or program file, without the marker line.
        type: str
        required: true
      environment_name:
        description: Name of its environment file in O(config_directory).
        type: str
        required: true
      state:
        description: Whether it runs.
        type: str
        choices: [started, stopped]
        default: started
      stop_timeout:
        description: Seconds between TERM and KILL.
        type: int
        required: true
      log_file:
        description:
          - Log file that the service manager appends to. It is made beforehand, since the manager would make it as
            root, and logrotate works on it as the application's user. Left out, there is none.
        type: path
  environments:
    description:
      - Text of the environment file of each service, by the service's name, without marker and digest.
      - Apart from O(services) because a module's log hides only whole arguments safely.
    type: dict
    required: true
  files:
    description: Further files of the owner that hold no secret, such as the probes of its services.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where it lies.
        type: path
        required: true
      content:
        description: Its text.
        type: str
        required: true
      mode:
        description: Its mode, octal.
        type: str
        default: "0644"
  start_timeout:
    description: Seconds that a start may take.
    type: int
    default: 60
  remove_timeout:
    description: Seconds that the stop of a service that is no longer declared may take.
    type: int
    default: 300
  step:
    description: One element of RV(pending) of an earlier call, to be taken now.
    type: dict
"""

EXAMPLES = r"""
- name: Write the files of all workers
  taskfleet.celery.celery_service:
    app: shop
    owner: celery_worker
    manager: systemd
    config_directory: /etc/shop
    environment_file: /etc/shop/celery.env
    group: shop
    services: "{{ services }}"
    environments: "{{ environments }}"
  register: written

- name: Take the steps
  taskfleet.celery.celery_service:
    app: shop
    owner: celery_worker
    manager: systemd
    config_directory: /etc/shop
    environment_file: /etc/shop/celery.env
    services: "{{ services }}"
    environments: "{{ environments }}"
    step: "{{ item }}"
  loop: "{{ written.pending }}"
"""

RETURN = r"""
pending:
  description: Steps still to take, in order. Empty when everything is as declared, and always with O(step).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The service.
      type: str
      sample: shop-worker@w1
    action:
      description: One of V(remove), V(stop), V(restart), V(start).
      type: str
      sample: restart
    reason:
      description: Why.
      type: str
      sample: runs with an earlier configuration
    manager:
      description: Where the service is. Only for V(remove).
      type: str
      sample: systemd
    environment_name:
      description: Its environment file. Only for V(remove).
      type: str
      sample: worker-w1.env
written:
  description: Paths of the files that differed and were written, or would be in check mode.
  returned: without O(step)
  type: list
  elements: str
  sample: [/etc/systemd/system/shop-worker@w1.service]
before_pid:
  description: Main process before the step, 0 for none.
  returned: with O(step)
  type: int
  sample: 4211
after_pid:
  description: Main process after the step, 0 for none.
  returned: with O(step)
  type: int
  sample: 5377
seconds:
  description: How long the step took.
  returned: with O(step)
  type: float
  sample: 6.3
"""

import os
import time

from ansible_collections.taskfleet.celery.plugins.module_utils._common.module import Module
from ansible_collections.taskfleet.celery.plugins.module_utils._observe.environ import environ_of
from ansible_collections.taskfleet.celery.plugins.module_utils._service import files, owned_files, steps
from ansible_collections.taskfleet.celery.plugins.module_utils._service.errors import ServiceError
from ansible_collections.taskfleet.celery.plugins.module_utils._service.supervisor import Supervisor
from ansible_collections.taskfleet.celery.plugins.module_utils._service.systemd import Systemd


def managers_of(params):
    """The service managers that this call may touch, by name."""
    known = {
        "systemd": Systemd,
        "supervisor": lambda: Supervisor(params["supervisor_directory"], params["supervisor_socket"]),
    }
    names = [params["manager"]] + [name for name in params["managers"] if name != params["manager"]]
    return {name: known[name]() for name in names}


def manager_of(params, step):
    """The service manager that a step is about."""
    label = step.get("manager") or params["manager"]
    return managers_of(dict(params, manager=label))[label]


def status_of(manager, names):
    """Status of services, with the digest that each running process was started with."""
    if not manager.available():
        return {}
    status = manager.status(names)
    for entry in status.values():
        entry["digest"] = environ_of(entry["main_pid"]).get("TASKFLEET_CONFIG") if entry["main_pid"] else None
    return status


def set_boot(module, desired, status, manager):
    """Enable what is declared started, disable what is declared stopped. Returns whether anything differed."""
    on = [s["name"] for s in desired if s["state"] == "started" and not status.get(s["name"], {}).get("enabled")]
    off = [s["name"] for s in desired if s["state"] == "stopped" and status.get(s["name"], {}).get("enabled")]
    if not manager.has_boot_state:
        return False
    if not module.check_mode:
        manager.enable(on)
        manager.disable(off)
    return bool(on or off)


def adopt(module, desired, status, manager):
    """Let the manager know the services that are declared stopped, too. Returns whether one was new to it."""
    idle = [
        s["name"]
        for s in desired
        if s["state"] == "stopped" and status.get(s["name"], {}).get("active") not in steps.RUNNING
    ]
    return not module.check_mode and manager.available() and bool(manager.adopt(idle))


def declare(module):
    """Write all files of the owner; answer the steps still to take."""
    params = module.params
    managers = managers_of(params)
    manager = managers[params["manager"]]
    mark = owned_files.marker(params["app"], params["owner"])
    desired = files.desired_files(params, manager)
    files.refuse_foreign(desired, mark)
    stale = files.stale_services(params, managers, mark)
    logs = files.apply_logs(params, module.check_mode)
    written, diffs = files.apply_files(params, desired, manager, module.check_mode)
    status = status_of(manager, [service["name"] for service in desired])
    boot = set_boot(module, desired, status, manager)
    pending = steps.plan_steps(desired, status, stale)
    adopted = adopt(module, desired, status, manager)
    changed = bool(logs or written or boot or adopted)
    return {"changed": changed, "pending": pending, "written": written, "diff": diffs}


def take(module):
    """Take one step and report the process before and after it."""
    params, step = module.params, module.params["step"]
    name = step["name"]
    manager = manager_of(params, step)
    if module.check_mode:
        return {"changed": True, "pending": []}
    stop_timeout = {s["name"]: s["stop_timeout"] for s in params["services"]}.get(name, params["start_timeout"])
    before = status_of(manager, [name]).get(name, {}).get("main_pid", 0)
    begun = time.monotonic()
    if step["action"] == "remove":
        remove(params, manager, step)
    elif step["action"] == "stop":
        manager.stop(name, stop_timeout)
        manager.adopt([name])
    elif step["action"] == "start":
        manager.start(name, params["start_timeout"])
    else:
        manager.restart(name, stop_timeout + params["start_timeout"])
    after = status_of(manager, [name]).get(name, {}).get("main_pid", 0)
    seconds = round(time.monotonic() - begun, 1)
    return {"changed": True, "pending": [], "before_pid": before, "after_pid": after, "seconds": seconds}


def remove(params, manager, step):
    """Stop a service after its tasks have finished, and leave nothing of it."""
    manager.retire(step["name"], params["remove_timeout"])
    for path in (manager.path(step["name"]), os.path.join(params["config_directory"], step["environment_name"])):
        if os.path.exists(path):
            os.unlink(path)
    manager.forget(step["name"])


def main():
    """Run the module."""
    module = Module(
        argument_spec={
            "app": {"type": "str", "required": True},
            "owner": {"type": "str", "required": True},
            "manager": {"type": "str", "required": True, "choices": ["systemd", "supervisor"]},
            "managers": {"type": "list", "elements": "str", "default": [], "choices": ["systemd", "supervisor"]},
            "supervisor_directory": {"type": "path", "default": "/etc/supervisor/conf.d"},
            "supervisor_socket": {"type": "path", "default": "/var/run/supervisor.sock"},
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
            "start_timeout": {"type": "int", "default": 60},
            "remove_timeout": {"type": "int", "default": 300},
            "step": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    try:
        result = take(module) if module.params["step"] else declare(module)
    except (ServiceError, owned_files.ForeignFile, OSError) as error:
        fail(module, module.params["step"], error)
    module.exit_json(**result)


def fail(module, step, error):
    """Fail with the last lines of the service's log where there is one."""
    log = ""
    if step:
        try:
            log = manager_of(module.params, step).explain(step["name"])
        except ServiceError as second:
            log = str(second)
    module.fail_json(msg="%s%s" % (error, "; its last lines: %s" % log.strip() if log else ""))


if __name__ == "__main__":
    main()
