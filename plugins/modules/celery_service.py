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
    description: Environment file that the services share. Its content counts as part of what a process was started with.
    type: path
    required: true
  revision:
    description: Revision of the application's code. It counts as part of what a process was started with.
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
      start_wait:
        description: Seconds after which a start that has not come about is a failure. The service manager goes on with it.
        type: int
        default: 60
      heartbeat:
        description: Where its sentinel says that it is ready. It is waited for where the service manager does not know.
        type: path
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
  unit_template:
    description:
      - Template of the role that renders the unit of each service, which it knows as C(service). O(services) is then what
        P(taskfleet.celery.celery_named_services#filter) returns, with its environment in place of O(environments).
        Rendered on the controller.
    type: str
  file_templates:
    description: Templates of the role that are rendered on the controller, and added to O(files).
    type: list
    elements: dict
    default: []
    suboptions:
      src:
        description: The template.
        type: str
        required: true
      dest:
        description: Where the file lies.
        type: path
        required: true
      mode:
        description: Its mode, octal.
        type: str
        default: "0644"
  remove_timeout:
    description: Seconds that the stop of a service that is no longer declared may take, where its file does not say.
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

from ansible_collections.taskfleet.celery.plugins.module_utils._common.module import Module
from ansible_collections.taskfleet.celery.plugins.module_utils._service.apply import (
    ARGUMENTS,
    declare,
    last_lines,
    take,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._service.errors import ServiceError
from ansible_collections.taskfleet.celery.plugins.module_utils._service.owned_files import ForeignFile


def main():
    """Run the module."""
    module = Module(argument_spec=ARGUMENTS, supports_check_mode=True)
    params, step = module.params, module.params["step"]
    try:
        result = take(params, step, module.check_mode) if step else declare(params, module.check_mode)
    except (ServiceError, ForeignFile, OSError) as error:
        log = last_lines(params, step)
        module.fail_json(msg="%s%s" % (error, "; its last lines: %s" % log if log else ""))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
