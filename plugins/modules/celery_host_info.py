#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: celery_host_info
short_description: List the Celery processes of a host
version_added: 0.1.0
author: taskfleet maintainers (@taskfleet)
description:
  - Reads C(/proc), and finds the processes of workers, beat and Flower, whatever started them.
  - Names the strays, the processes of an application that this collection did not start. A second beat, or a
    worker with an embedded beat, sends every periodic task once more.
  - Processes inside containers on the host are left out. A process whose environment cannot be read is never
    called a stray.
  - Passwords are taken out of command lines.
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.actiongroup_celery
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Nothing is changed, so there is no difference to show.
  idempotent:
    support: full
options:
  app:
    description:
      - The application whose strays are named, as C(celery -A) gets it.
      - Without it, RV(strays) is empty.
    type: str
    default: ""
  kinds:
    description:
      - The kinds of processes to return.
      - With V(beat), a worker with an embedded beat can be a stray, too.
    type: list
    elements: str
    choices: [worker, beat, flower]
    default: [worker, beat, flower]
seealso:
  - module: taskfleet.celery.celery_preflight
"""

EXAMPLES = r"""
- name: List all Celery processes of the host
  taskfleet.celery.celery_host_info:
  register: host

- name: Look for a second beat
  taskfleet.celery.celery_host_info:
    app: shop.celery
    kinds: [beat]
  register: beats

- name: Refuse to start beat beside it
  taskfleet.celery.celery_preflight:
    checks:
      beat:
        app: shop
        hosts: ["{{ inventory_hostname }}"]
        schedule_file: /var/lib/shop/celerybeat-schedule
        strays: "{{ beats.strays }}"
"""

RETURN = r"""
processes:
  description: The Celery processes of the host, by pid.
  returned: always
  type: list
  elements: dict
  contains: &process
    pid:
      description: Number of the process.
      returned: always
      type: int
      sample: 4711
    ppid:
      description: Number of its parent.
      returned: always
      type: int
      sample: 1
    kind:
      description: V(worker), V(beat) or V(flower).
      returned: always
      type: str
      sample: worker
    role:
      description: V(child) if another Celery process started it, else V(main).
      returned: always
      type: str
      sample: main
    app:
      description: The application, as C(celery -A) got it, or an empty text where the process does not tell.
      returned: always
      type: str
      sample: shop.celery
    node:
      description: Name of the node. Empty for beat and Flower.
      returned: always
      type: str
      sample: w1@web1
    user:
      description: Name of the user that the process runs as.
      returned: always
      type: str
      sample: shop
    cmdline:
      description: The command line, without passwords, cut after 300 characters.
      returned: always
      type: str
      sample: /opt/shop/venv/bin/celery -A shop.celery worker --hostname=w1@web1
    embedded_beat:
      description: Is this a worker that runs a beat inside (C(-B))?
      returned: always
      type: bool
      sample: false
    service:
      description: Name of the service of this collection that the process belongs to, or an empty text.
      returned: always
      type: str
      sample: shop-worker@w1.service
    environment_readable:
      description: Could the environment be read, so that RV(processes[].service) is certain?
      returned: always
      type: bool
      sample: true
    started_at:
      description: When the process was started, in UTC.
      returned: always
      type: str
      sample: "2026-01-01T12:00:00Z"
strays:
  description: The main processes of O(app) that this collection did not start.
  returned: always
  type: list
  elements: dict
  contains: *process
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.taskfleet.celery.plugins.module_utils._processes import KINDS, scan, strays


def main() -> None:
    """List the processes."""
    module = AnsibleModule(
        argument_spec={
            "app": {"type": "str", "default": ""},
            "kinds": {"type": "list", "elements": "str", "choices": list(KINDS), "default": list(KINDS)},
        },
        supports_check_mode=True,
    )
    kinds = module.params["kinds"]
    processes = scan()
    module.exit_json(
        changed=False,
        processes=[process for process in processes if process["kind"] in kinds],
        strays=strays(processes, module.params["app"], kinds),
    )


if __name__ == "__main__":
    main()
