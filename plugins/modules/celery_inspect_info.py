#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: celery_inspect_info
short_description: Ask Celery workers about themselves
version_added: 0.1.0
author:
  - The taskfleet.celery contributors (@taskfleet)
description:
  - Sends commands such as C(ping), C(stats) and C(active) to the workers and gathers their replies.
  - All commands go over one connection at once. With O(destination) or O(expected) the module returns as soon as all
    these workers have answered.
  - Does not fail when the broker or a worker does not answer, but says so. It fails when the interpreter cannot be
    started.
  - A worker that does not answer need not be unhealthy. A busy worker with the solo pool does not answer, nor does one whose
    remote control is off.
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.info_module
  - taskfleet.celery._attributes.actiongroup_application
  - taskfleet.celery._connection
options:
  app:
    description:
      - The application, as C(celery -A) gets it. One of O(app) and O(broker_url) is needed.
      - Needed when the application changes how workers are spoken to, as with a key prefix, another control exchange
        or TLS certificates.
    type: str
  broker_url:
    description:
      - The broker's URL. It wins over that of the application. Without O(app) nothing of the application is imported,
        which is faster.
    type: str
  methods:
    description:
      - What to ask. A task comes without its arguments.
    type: list
    elements: str
    choices: [ping, active, reserved, scheduled, stats, active_queues, registered, revoked, conf, report, clock, query_task]
    default: [ping]
  task_ids:
    description:
      - The tasks to look for with the method V(query_task).
    type: list
    elements: str
    default: []
  destination:
    description:
      - Names of the workers that the commands go to, for example V(w1@worker-1). The default is all workers.
    type: list
    elements: str
    default: []
  expected:
    description:
      - Names of the workers that have to answer. The commands still go to all workers, so that unexpected ones show.
      - The default is O(destination).
    type: list
    elements: str
    default: []
  settle:
    description:
      - With neither O(destination) nor O(expected), how many seconds without a further reply end the listening.
    type: float
    default: 1
  timeout:
    description:
      - Seconds that the whole call may take.
    type: float
    default: 10
notes:
  - Leaves nothing on the broker, also where answers come after it has ended, with one exception that no client can
    prevent. A worker looks the reply queue up, then writes to it. On Redis, one that was stopped between these two, and
    goes on after the queue was deleted, leaves one key C(*.reply.celery.pidbox) with its answer. The finding
    C(orphan_reply_keys) of M(taskfleet.celery.celery_fleet_health) counts such keys; they may be deleted while nobody asks.
seealso:
  - module: taskfleet.celery.celery_app_info
"""

EXAMPLES = r"""
- name: Wait until the worker answers
  taskfleet.celery.celery_inspect_info:
    celery_python: /opt/shop/venv/bin/python
    app: shop.celery
    chdir: /opt/shop/src
    environment_file: /etc/shop/celery.env
    user: shop
    methods: [ping, active_queues]
    expected: [w1@worker-1]
  register: fleet
  until: fleet.silent | length == 0
  retries: 10
  delay: 2

- name: Refuse a worker that consumes other queues than it should
  ansible.builtin.assert:
    that: fleet.nodes['w1@worker-1'].active_queues | map(attribute='name') | list == ['celery']
    fail_msg: "w1@worker-1 consumes {{ fleet.nodes['w1@worker-1'].active_queues | map(attribute='name') | join(', ') }}"

- name: Ask every worker that listens, without the application
  taskfleet.celery.celery_inspect_info:
    celery_python: /opt/shop/venv/bin/python
    broker_url: "{{ shop_broker_url }}"
    methods: [ping, stats, active, reserved]
"""

RETURN = r"""
nodes:
  description:
    - By worker the replies, by method. A worker, or a method, that is missing has not answered.
    - A reply that is an error is C({error}) with the worker's words.
  returned: success
  type: dict
  contains:
    ping:
      description: V(pong).
      type: str
      returned: when asked for
      sample: pong
    active:
      description: The tasks that run, the oldest first.
      type: list
      elements: dict
      returned: when asked for
      contains: &task
        id:
          description: The task's id.
          type: str
          returned: success
          sample: 5c1a9c06-0e4b-4a4e-bb0e-3a1f9c4d5a10
        name:
          description: The task's name.
          type: str
          returned: success
          sample: shop.tasks.add
        hostname:
          description: The worker's name.
          type: str
          returned: success
          sample: w1@worker-1
        time_start:
          description: When it began, in seconds since the epoch. Null when it has not.
          type: float
          returned: success
          sample: 1789000000.5
        acknowledged:
          description: Whether the arrival of the message was acknowledged to the broker.
          type: bool
          returned: success
          sample: true
        worker_pid:
          description: The process that runs it. Null when none does yet.
          type: int
          returned: success
          sample: 4711
        delivery_info:
          description: C(exchange), C(routing_key), C(priority) and C(redelivered).
          type: dict
          returned: success
          sample: {"exchange": "", "routing_key": "celery", "priority": 0, "redelivered": false}
    reserved:
      description: The tasks that the worker has taken and not begun, in the form of RV(nodes.active).
      type: list
      elements: dict
      returned: when asked for
      contains: *task
    scheduled:
      description: The tasks that wait for their time, the next first.
      type: list
      elements: dict
      returned: when asked for
      contains:
        eta:
          description: When it is due, in ISO 8601.
          type: str
          returned: success
          sample: "2026-01-01T00:00:00+00:00"
        priority:
          description: Its place among those of one time.
          type: int
          returned: success
          sample: 6
        request:
          description: The task, in the form of RV(nodes.active).
          type: dict
          returned: success
          contains: *task
    stats:
      description:
        - The worker's statistics, with snake_case keys and without passwords.
        - C(rusage) is left out; M(taskfleet.celery.celery_host_info) reports processor and memory, for each process. Of
          C(broker), what C(conf) has is left out.
      type: dict
      returned: when asked for
      sample:
        pid: 4700
        uptime: 120
        clock: "140"
        prefetch_count: 8
        pool: {"implementation": "celery.concurrency.prefork:TaskPool", "max_concurrency": 2, "processes": [4711, 4712]}
        broker:
          transport: redis
          hostname: 127.0.0.1
          port: 6379
          virtual_host: "0"
          userid: null
          ssl: false
          heartbeat: 120.0
          alternates: []
        total: {"shop.tasks.add": 12}
    active_queues:
      description: The queues that the worker consumes, by name.
      type: list
      elements: dict
      returned: when asked for
      contains:
        name:
          description: The queue's name.
          type: str
          returned: success
          sample: celery
        exchange:
          description: The exchange's name.
          type: str
          returned: success
          sample: celery
        exchange_type:
          description: The exchange's type.
          type: str
          returned: success
          sample: direct
        routing_key:
          description: The routing key.
          type: str
          returned: success
          sample: celery
        alias:
          description: The name that the application uses for it, if another.
          type: str
          returned: success
          sample: null
        durable:
          description: Whether it outlives the broker's restart.
          type: bool
          returned: success
          sample: true
        exclusive:
          description: Whether it belongs to one connection.
          type: bool
          returned: success
          sample: false
        auto_delete:
          description: Whether it goes with its last consumer.
          type: bool
          returned: success
          sample: false
        no_ack:
          description: Whether messages count as done when delivered.
          type: bool
          returned: success
          sample: false
        max_priority:
          description: The highest priority, if it has priorities.
          type: int
          returned: success
          sample: null
    registered:
      description: The names of the tasks that the worker knows, without Celery's own.
      type: list
      elements: str
      returned: when asked for
      sample: ["shop.tasks.add"]
    revoked:
      description: The ids of the tasks that the worker will not run.
      type: list
      elements: str
      returned: when asked for
      sample: []
    conf:
      description: The settings that differ from Celery's own, without passwords.
      type: dict
      returned: when asked for
      sample: {"task_default_queue": "celery"}
    report:
      description: The worker's own report on its software, without passwords.
      type: str
      returned: when asked for
      sample: "software -> celery:5.7.0"
    clock:
      description: The worker's logical clock.
      type: int
      returned: when asked for
      sample: 140
    query_task:
      description: By id, C(state), which is V(active), V(reserved), V(scheduled) or V(ready), and C(request), the task.
      type: dict
      returned: when asked for
      sample: {}
silent:
  description:
    - The workers in O(expected), or else in O(destination), that answered nothing. Look at RV(broker) and RV(probe)
      before blaming them.
  returned: success
  type: list
  elements: str
  sample: ["w2@worker-1"]
duplicates:
  description:
    - The names that more than one process answered to, as far as the replies came in time.
  returned: success
  type: list
  elements: str
  sample: []
duplicate_pids:
  description:
    - By name in RV(duplicates) the main process ids, as far as they are known.
    - On RabbitMQ with kombu before 5.6 two processes of one name take turns at answering, so they show only when
      O(methods) has V(stats).
  returned: success
  type: dict
  sample: {}
unanswered:
  description: By worker that answered something, the methods that it did not answer.
  returned: success
  type: dict
  sample: {"w1@worker-1": ["stats"]}
broker:
  description: Whether the broker could be asked.
  returned: success
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
      description:
        - Whether it answers. Null when it was not tried. True together with an error is a broker that answers and
          refuses, for example because its memory is full.
      type: bool
      returned: success
      sample: true
    layer:
      description:
        - How far the way to the broker was good. V(ok), or the step that failed. One of V(url), V(setting), V(dns), V(tcp), V(tls),
          V(auth), V(protocol), V(client). V(unknown) was not tried.
      type: str
      returned: success
      sample: ok
    error:
      description: What is wrong. Empty when nothing is.
      type: str
      returned: success
      sample: ""
probe:
  description: Whether the question itself could be put.
  returned: success
  type: dict
  contains:
    ok:
      description: Whether it could. When not, nothing is known of any worker.
      type: bool
      returned: success
      sample: true
    error:
      description: What is wrong, for example that the application does not import. Empty when nothing is.
      type: str
      returned: success
      sample: ""
app_output_tail:
  description: The last lines that the application printed, without passwords.
  returned: success
  type: str
  sample: ""
elapsed:
  description: Seconds that the call took.
  returned: success
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

import gc

from ansible_collections.taskfleet.celery.plugins.module_utils._common.args import (
    connection_arguments,
    deadline,
    look,
    narrow_no_log,
    read_environment,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._common.module import Module
from ansible_collections.taskfleet.celery.plugins.module_utils._common.packing import unpack
from ansible_collections.taskfleet.celery.plugins.module_utils._common.replies import (
    METHODS,
    broker_of,
    commands,
    summary,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import inspect


def complete(outcome, awaited, methods):
    """Return the result with all its keys, even those that the helper did not reach."""
    reply = outcome.result or {}
    problem = reply.get("problem") or outcome.message
    return dict(
        summary(unpack(reply), awaited, methods, reply.get("pids", [])),
        broker=broker_of(reply),
        probe={"ok": not problem, "error": problem},
        app_output_tail=outcome.tail,
        elapsed=round(outcome.elapsed, 2),
    )


def main():
    """Run the module."""
    # It ends soon, and keeps most of what it makes: the collector would walk through a thousand replies again and again.
    gc.disable()
    specification = connection_arguments()
    specification.update(
        broker_url={"type": "str", "no_log": True},
        methods={"type": "list", "elements": "str", "choices": list(METHODS), "default": ["ping"]},
        task_ids={"type": "list", "elements": "str", "default": []},
        destination={"type": "list", "elements": "str", "default": []},
        expected={"type": "list", "elements": "str", "default": []},
        settle={"type": "float", "default": 1},
        timeout={"type": "float", "default": 10},
    )
    module = Module(specification, required_one_of=[("app", "broker_url")], supports_check_mode=True)
    params = module.params
    if "query_task" in params["methods"] and not params["task_ids"]:
        module.fail_json(msg="methods has query_task and task_ids is empty; name the tasks in task_ids")
    environment = read_environment(module)
    narrow_no_log(module, environment, params["broker_url"])
    awaited = params["expected"] or params["destination"]
    methods = [method for method in METHODS if method in params["methods"]]
    arguments = {
        "app": params["app"],
        "broker_url": params["broker_url"],
        "commands": commands(methods, params["task_ids"]),
        "destination": params["destination"],
        "awaited": awaited,
        "settle": params["settle"],
        "deadline": deadline(params),
    }
    outcome = look(module, inspect, arguments, environment)
    module.exit_json(changed=False, **complete(outcome, awaited, methods))


if __name__ == "__main__":
    main()
