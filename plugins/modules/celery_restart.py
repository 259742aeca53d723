#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: celery_restart
short_description: Stop and start one service by steps that let its tasks end (internal)
version_added: 0.1.0
author: taskfleet maintainers (@taskfleet)
description:
  - Internal to the collection's roles. Stops a service through its service manager with TERM, on which a worker takes no
    more tasks and ends those that it runs. Sends QUIT after O(patience), and KILL after O(quit_patience) more.
  - Processes of the service that a signal has stopped are let go on, or they would get nothing of that.
  - Does not fail when the service cannot be stopped or started. RV(error) says so, for who called it keeps a record.
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.actiongroup_celery
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: A process has no content to compare.
  idempotent:
    support: none
    details: V(restart) restarts each time.
options:
  service:
    description: Name of the unit without C(.service), or of the program.
    type: str
    required: true
  action:
    description:
      - What to do. V(stacks) changes nothing, it asks Celery to write the stacks of its threads into its log.
    type: str
    choices: [restart, start, stop, stacks]
    default: restart
  manager:
    description: The service manager.
    type: str
    choices: [systemd, supervisor]
    required: true
  supervisor_directory:
    description: Directory of supervisor's program files.
    type: path
    default: /etc/supervisor/conf.d
  supervisor_socket:
    description: Path of supervisord's XML-RPC socket.
    type: path
    default: /var/run/supervisor.sock
  patience:
    description: Seconds from TERM to QUIT.
    type: float
    default: 300
  quit_patience:
    description: Seconds from QUIT to KILL.
    type: float
    default: 10
  start_timeout:
    description: Seconds that the start may take.
    type: int
    default: 60
seealso:
  - module: taskfleet.celery.celery_service
"""

EXAMPLES = r"""
- name: Restart a worker whose tasks may run for four minutes
  taskfleet.celery.celery_restart:
    service: shop-worker@w1
    manager: systemd
    patience: 255
  register: restart
"""

RETURN = r"""
before_pid:
  description: Main process before, 0 for none.
  returned: success
  type: int
  sample: 4711
after_pid:
  description: Main process after, 0 for none.
  returned: success
  type: int
  sample: 5377
signal:
  description: The signal that ended it, V(TERM), V(QUIT) or V(KILL). Empty when it did not run.
  returned: success
  type: str
  sample: TERM
asked:
  description: Whether the process listens to the question for its stacks.
  returned: success
  type: bool
  sample: false
seconds:
  description: How long it took.
  returned: success
  type: float
  sample: 3.2
error:
  description: Why it could not be stopped or started. Empty when it could.
  returned: success
  type: str
  sample: ""
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.taskfleet.celery.plugins.module_utils._restart import ask_for_stacks, main_pid, stop
from ansible_collections.taskfleet.celery.plugins.module_utils._service_errors import ServiceError
from ansible_collections.taskfleet.celery.plugins.module_utils._supervisor import Supervisor
from ansible_collections.taskfleet.celery.plugins.module_utils._systemd import Systemd


def take(manager, params, told):
    """Take the steps of the action, and tell what came of each as soon as it is known."""
    name, action = params["service"], params["action"]
    told["before_pid"] = main_pid(manager, name)
    if action == "stacks":
        told["asked"] = ask_for_stacks(told["before_pid"])
    if action in ("restart", "stop"):
        told["signal"] = stop(manager, name, params["patience"], params["quit_patience"])
    if action in ("restart", "start"):
        manager.start(name, params["start_timeout"])
    told["after_pid"] = main_pid(manager, name)


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "service": {"type": "str", "required": True},
            "action": {"type": "str", "choices": ["restart", "start", "stop", "stacks"], "default": "restart"},
            "manager": {"type": "str", "choices": ["systemd", "supervisor"], "required": True},
            "supervisor_directory": {"type": "path", "default": "/etc/supervisor/conf.d"},
            "supervisor_socket": {"type": "path", "default": "/var/run/supervisor.sock"},
            "patience": {"type": "float", "default": 300},
            "quit_patience": {"type": "float", "default": 10},
            "start_timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    params = module.params
    manager = Systemd()
    if params["manager"] == "supervisor":
        manager = Supervisor(params["supervisor_directory"], params["supervisor_socket"])
    told = {"before_pid": 0, "after_pid": 0, "signal": "", "asked": False, "error": ""}
    begun = time.monotonic()
    if not module.check_mode:
        try:
            take(manager, params, told)
        except ServiceError as error:
            told["error"] = str(error)
    seconds = round(time.monotonic() - begun, 1)
    module.exit_json(changed=params["action"] != "stacks", seconds=seconds, **told)


if __name__ == "__main__":
    main()
