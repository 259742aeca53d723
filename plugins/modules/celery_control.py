#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: celery_control
short_description: Change running Celery workers by remote control
version_added: 0.1.0
author:
  - The taskfleet.celery contributors (@taskfleet)
description:
  - Sends a remote control command to those of the named workers that are not yet as they should be, and reads back
    what became of it.
  - What is changed this way lasts until the worker is restarted.
  - Fails when a worker does not answer, refuses, or is not as it should be within O(timeout). RV(nodes) says of each
    worker what was done, also then.
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.actiongroup_application
  - taskfleet.celery._connection
attributes:
  check_mode:
    support: partial
    details:
      - With V(enable_events) and V(disable_events) a change is always predicted, as workers do not tell whether they
        send task events.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(command=pool_restart) restarts the pool each time.
options:
  app:
    description:
      - The application, as C(celery -A) gets it. One of O(app) and O(broker_url) is needed.
    type: str
  broker_url:
    description:
      - The broker's URL. It wins over that of the application. Without O(app) nothing of the application is imported.
    type: str
  command:
    description:
      - V(pool_restart) replaces the pool's processes. Needs the setting C(worker_pool_restarts) and the prefork pool.
        Celery ends a process after the task that it runs next, so that of a pool with little work some stay, and the
        command is reported as unfinished.
      - V(pool_grow) and V(pool_shrink) bring the pool to O(concurrency), unless it is as large, or as small, already.
        The solo and threads pools and a pool with an autoscaler are refused, and gevent before Celery 5.7.
      - V(autoscale) moves the limits of the autoscaler to O(minimum) and O(maximum). Needs a worker that was started
        with one.
      - V(add_consumer) and V(cancel_consumer) let the worker begin and stop to consume O(queue).
      - V(rate_limit) lets the worker begin O(task) at most at O(rate).
      - V(time_limit) gives O(task) the limits O(soft) and O(hard).
      - V(revoke) lets the worker drop the tasks O(task_ids) instead of running them.
      - V(shutdown) lets the worker finish its tasks and end. Its service manager may start it again. A worker that
        does not answer is left alone, and counts as ended.
      - V(enable_events) and V(disable_events) switch the sending of task events.
    type: str
    required: true
    choices:
      - pool_restart
      - pool_grow
      - pool_shrink
      - autoscale
      - add_consumer
      - cancel_consumer
      - rate_limit
      - time_limit
      - revoke
      - shutdown
      - enable_events
      - disable_events
  destination:
    description:
      - Names of the workers, for example V(w1@worker-1). There is no way to name all.
    type: list
    elements: str
    required: true
  concurrency:
    description:
      - The number of processes, or slots, that the pool is to have.
    type: int
  minimum:
    description:
      - The lower limit of the autoscaler. One of O(minimum) and O(maximum) is needed; the other stays.
    type: int
  maximum:
    description:
      - The upper limit of the autoscaler.
    type: int
  queue:
    description:
      - The queue's name.
    type: str
  exchange:
    description:
      - With V(add_consumer), the exchange of a queue that the application does not declare. The default is an
        exchange of the queue's name.
    type: str
  exchange_type:
    description:
      - With V(add_consumer), the type of O(exchange).
    type: str
  routing_key:
    description:
      - With V(add_consumer), the routing key between O(exchange) and O(queue). The default is the queue's name.
    type: str
  task:
    description:
      - The task's name.
    type: str
  rate:
    description:
      - A number, or a number and V(/s), V(/m) or V(/h), for example V(10/m). V(0) takes the limit away.
    type: str
  soft:
    description:
      - The soft time limit in seconds. Without it the task has none of its own, and that of the worker counts.
    type: float
  hard:
    description:
      - The hard time limit in seconds. Without it the task has none of its own, and that of the worker counts.
    type: float
  task_ids:
    description:
      - The ids of the tasks to revoke.
    type: list
    elements: str
  terminate:
    description:
      - With V(revoke), also end the tasks that run. The process that runs such a task is killed. Not with the solo
        and threads pools.
    type: bool
    default: false
  signal:
    description:
      - The signal of O(terminate).
    type: str
    default: SIGTERM
  timeout:
    description:
      - Seconds that the whole call may take.
    type: float
    default: 15
seealso:
  - module: taskfleet.celery.celery_inspect_info
"""

EXAMPLES = r"""
- name: Let two workers have eight processes each
  taskfleet.celery.celery_control:
    celery_python: /opt/shop/venv/bin/python
    broker_url: "{{ shop_broker_url }}"
    command: pool_grow
    concurrency: 8
    destination: [w1@worker-1, w1@worker-2]

- name: Take a worker off a queue
  taskfleet.celery.celery_control:
    celery_python: /opt/shop/venv/bin/python
    broker_url: "{{ shop_broker_url }}"
    command: cancel_consumer
    queue: reports
    destination: [w1@worker-1]

- name: Stop a task
  taskfleet.celery.celery_control:
    celery_python: /opt/shop/venv/bin/python
    broker_url: "{{ shop_broker_url }}"
    command: revoke
    task_ids: [5c1a9c06-0e4b-4a4e-bb0e-3a1f9c4d5a10]
    terminate: true
    destination: "{{ fleet.nodes | list }}"

- name: Call a partner less often
  taskfleet.celery.celery_control:
    celery_python: /opt/shop/venv/bin/python
    broker_url: "{{ shop_broker_url }}"
    command: rate_limit
    task: shop.tasks.call_partner
    rate: 10/m
    destination: [w1@worker-1]
"""

RETURN = r"""
nodes:
  description: By worker what was done.
  returned: always, unless an argument is wrong
  type: dict
  contains:
    status:
      description:
        - V(changed) was done, or in check mode would be. V(unchanged) was so already. V(refused) the worker cannot do
          it. V(failed) the worker answered with an error. V(silent) the worker did not answer. V(absent) the worker
          did not answer and was to shut down. V(unfinished) the worker took the command and was not as it should be in
          time. V(unknown) the broker or the probe failed.
      type: str
      returned: success
      sample: changed
    layer:
      description:
        - How far the way to the worker was good. V(ok), V(worker) when it does not answer although the broker does, or
          the broker's layer as in RV(broker.layer).
      type: str
      returned: success
      sample: ok
    message:
      description: What is wrong. Empty when nothing is.
      type: str
      returned: success
      sample: worker_pool_restarts is off
    remedy:
      description: What to do about it. Empty when that is not known.
      type: str
      returned: success
      sample: "set worker_pool_restarts: true in celery_worker_settings"
before:
  description:
    - By worker what the command is about, as it was. Null when it is not known. The keys depend on O(command).
  returned: always, unless an argument is wrong
  type: dict
  sample: {"w1@worker-1": {"concurrency": 4}}
  contains: &states
    processes:
      description: The process ids of the pool.
      type: list
      elements: int
      returned: with V(pool_restart)
      sample: [4711, 4712]
    concurrency:
      description: The number of processes, or slots.
      type: int
      returned: with V(pool_grow) and V(pool_shrink)
      sample: 4
    minimum:
      description: The lower limit of the autoscaler.
      type: int
      returned: with V(autoscale)
      sample: 2
    maximum:
      description: The upper limit of the autoscaler.
      type: int
      returned: with V(autoscale)
      sample: 8
    queues:
      description: The queues that the worker consumes.
      type: list
      elements: str
      returned: with V(add_consumer) and V(cancel_consumer)
      sample: ["celery"]
    rate:
      description: The rate, V(0) without a limit.
      type: str
      returned: with V(rate_limit)
      sample: 10/m
    soft:
      description: The task's own soft limit in seconds. Null when it has none.
      type: float
      returned: with V(time_limit)
      sample: 60.0
    hard:
      description: The task's own hard limit in seconds. Null when it has none.
      type: float
      returned: with V(time_limit)
      sample: 120.0
    revoked:
      description: Those of O(task_ids) that the worker will drop.
      type: list
      elements: str
      returned: with V(revoke)
      sample: []
    active:
      description: Those of O(task_ids) that the worker runs.
      type: list
      elements: str
      returned: with V(revoke) and O(terminate)
      sample: []
    answers:
      description: Whether the worker answers.
      type: bool
      returned: with V(shutdown)
      sample: true
    task_events:
      description: Whether the worker sends task events. Null when it is not known.
      type: bool
      returned: with V(enable_events) and V(disable_events)
      sample: false
after:
  description:
    - By worker what the command is about, as it was read back; in check mode as it would be.
  returned: always, unless an argument is wrong
  type: dict
  sample: {"w1@worker-1": {"concurrency": 8}}
  contains: *states
broker:
  description: Whether the broker could be asked, as M(taskfleet.celery.celery_inspect_info) returns it.
  returned: always, unless an argument is wrong
  type: dict
  contains:
    url:
      description: The broker's URL without its password. Null when it is not known.
      type: str
      returned: success
      sample: redis://:***@broker.example.com:6379/0
    transport:
      description: The transport. Null when it is not known.
      type: str
      returned: success
      sample: redis
    reachable:
      description: Whether it answers. Null when it was not tried.
      type: bool
      returned: success
      sample: true
    layer:
      description:
        - How far the way to the broker was good. One of V(url), V(setting), V(dns), V(tcp), V(tls), V(auth), V(protocol), V(client),
          V(ok), V(unknown).
      type: str
      returned: success
      sample: ok
    error:
      description: What is wrong. Empty when nothing is.
      type: str
      returned: success
      sample: ""
elapsed:
  description: Seconds that the call took.
  returned: always, unless an argument is wrong
  type: float
  sample: 0.61
kind:
  description:
    - Why the interpreter could not be started. One of V(interpreter_missing), V(not_permitted), V(user_unknown),
      V(directory_missing), V(environment_file).
  returned: failure
  type: str
  sample: interpreter_missing
"""

from ansible_collections.taskfleet.celery.plugins.module_utils._common.args import (
    connection_arguments,
    deadline,
    look,
    narrow_no_log,
    read_environment,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._common.control import COMMANDS
from ansible_collections.taskfleet.celery.plugins.module_utils._common.control_call import (
    NEEDED,
    PARAMETERS,
    complete,
    mistake,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._common.module import Module
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import control


def main():
    """Run the module."""
    specification = connection_arguments()
    specification.update(PARAMETERS)
    specification.update(
        broker_url={"type": "str", "no_log": True},
        command={"type": "str", "required": True, "choices": list(COMMANDS)},
        destination={"type": "list", "elements": "str", "required": True},
        timeout={"type": "float", "default": 15},
    )
    module = Module(
        specification, required_one_of=[("app", "broker_url")], required_if=NEEDED, supports_check_mode=True
    )
    params = module.params
    wrong = mistake(params)
    if wrong:
        module.fail_json(msg=wrong)
    environment = read_environment(module)
    narrow_no_log(module, environment, params["broker_url"])
    destination = list(dict.fromkeys(params["destination"]))
    arguments = {
        "app": params["app"],
        "broker_url": params["broker_url"],
        "command": params["command"],
        "parameters": {name: params[name] for name in PARAMETERS},
        "destination": destination,
        "check_mode": module.check_mode,
        "deadline": deadline(params),
    }
    result, wrong = complete(look(module, control, arguments, environment), destination)
    if module._diff:
        result["diff"] = {"before": result["before"], "after": result["after"]}
    if wrong:
        module.fail_json(msg=wrong, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
