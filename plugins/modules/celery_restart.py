#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: celery_restart
short_description: Stop and start services by steps that let their tasks end (internal)
version_added: 0.1.0
author: taskfleet maintainers (@taskfleet)
description:
  - Internal to the collection's roles. Stops services through their service manager with TERM, on which a worker takes no
    more tasks and ends those that it runs. Sends QUIT after its patience, and KILL after O(quit_patience) more.
  - The services are stopped at the same time, which is mostly waiting, and started one after another.
  - Processes of a service that a signal has stopped are let go on, or they would get nothing of that.
  - Does not fail when a service cannot be stopped or started. RV(services[].error) says so, for who called it keeps a
    record.
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.actiongroup_services
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
  services:
    description: The services.
    type: list
    elements: dict
    required: true
    suboptions:
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
      patience:
        description: Seconds from TERM to QUIT.
        type: float
        default: 300
      soft_shutdown:
        description: Seconds that a worker gives its tasks on QUIT, its C(worker_soft_shutdown_timeout), before O(quit_patience).
        type: int
        default: 0
      start_timeout:
        description: Seconds that its start may take.
        type: int
        default: 60
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
  quit_patience:
    description: Seconds from QUIT to KILL.
    type: float
    default: 10
seealso:
  - module: taskfleet.celery.celery_service
"""

EXAMPLES = r"""
- name: Restart a worker whose tasks may run for four minutes
  taskfleet.celery.celery_restart:
    services:
      - {service: shop-worker@w1, patience: 285}
    manager: systemd
  register: restart
"""

RETURN = r"""
services:
  description: What came of each, in their order.
  returned: success
  type: list
  elements: dict
  contains:
    service:
      description: Its name.
      returned: success
      type: str
      sample: shop-worker@w1
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

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.taskfleet.celery.plugins.module_utils._act.restart import take_all, untouched
from ansible_collections.taskfleet.celery.plugins.module_utils._service.managers import ARGUMENTS as MANAGER_ARGUMENTS
from ansible_collections.taskfleet.celery.plugins.module_utils._service.managers import manager_named


def main():
    """Run the module."""
    service = {
        "service": {"type": "str", "required": True},
        "action": {"type": "str", "choices": ["restart", "start", "stop", "stacks"], "default": "restart"},
        "patience": {"type": "float", "default": 300},
        "soft_shutdown": {"type": "int", "default": 0},
        "start_timeout": {"type": "int", "default": 60},
    }
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "dict", "required": True, "options": service},
            "manager": {"type": "str", "choices": ["systemd", "supervisor"], "required": True},
            **MANAGER_ARGUMENTS,
            "quit_patience": {"type": "float", "default": 10},
        },
        supports_check_mode=True,
    )
    params = module.params

    services = params["services"]
    results = [untouched(one) for one in services]
    if services and not module.check_mode:
        results = take_all(lambda: manager_named(params["manager"], params), services, params["quit_patience"])
    module.exit_json(changed=any(one["action"] != "stacks" for one in services), services=results)


if __name__ == "__main__":
    main()
