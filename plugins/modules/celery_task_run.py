#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: celery_task_run
short_description: Send a task to Celery workers and wait for its result
version_added: 0.1.0
author:
  - The taskfleet.celery contributors (@taskfleet)
description:
  - Sends one task and waits for its result, at most O(timeout). Where none comes, it looks for the task in its queue
    and at the workers, and says where it got stuck.
  - Does not fail when the task fails, gets stuck, or cannot be sent. Look at RV(state) and RV(reason).
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.actiongroup_application
  - taskfleet.celery._connection
attributes:
  check_mode:
    support: full
    details:
      - Nothing is sent. The broker and the result backend are tried.
  diff_mode:
    support: none
    details:
      - There is no state to compare.
  idempotent:
    support: none
    details:
      - The task is sent each time.
options:
  app:
    description:
      - The application, as C(celery -A) gets it. One of O(app) and O(broker_url) is needed.
      - With it, the application's own routes and settings count. The task need not be one of its own.
    type: str
  broker_url:
    description:
      - The broker's URL. It wins over that of the application. Without O(app) nothing of the application is imported.
    type: str
  result_backend:
    description:
      - The result backend's URL. The default is that of O(app). With neither, the outcome cannot be known.
    type: str
  task:
    description:
      - The task's name. Every worker has V(celery.accumulate), which returns its arguments.
    type: str
    required: true
  args:
    description:
      - The task's positional arguments. They are kept out of logs and results.
    type: list
    elements: raw
    default: []
  kwargs:
    description:
      - The task's keyword arguments. They are kept out of logs and results.
    type: dict
    default: {}
  queue:
    description:
      - The queue to send to. On RabbitMQ it has to exist. The default is where the application routes the task to, or
        C(celery).
    type: str
  node:
    description:
      - Name of the one worker that is to run the task, for example V(w1@worker-1).
      - The task goes to the worker's direct queue if it consumes one (C(worker_direct)). Otherwise the worker is asked
        to consume a queue of its own, which is taken away again afterwards together with the task, unless it was
        taken by then.
    type: str
  expires:
    description:
      - Seconds after which a worker drops the task instead of beginning it. The default is never.
    type: float
  timeout:
    description:
      - Seconds that the whole call may take. Some of the last of them are kept to look for a task without result.
    type: float
    default: 15
seealso:
  - module: taskfleet.celery.celery_inspect_info
"""

EXAMPLES = r"""
- name: Prove that the queue is served
  taskfleet.celery.celery_task_run:
    celery_python: /opt/shop/venv/bin/python
    app: shop.celery
    chdir: /opt/shop/src
    environment_file: /etc/shop/celery.env
    user: shop
    task: celery.accumulate
    args: [1]
    queue: reports
    expires: 15
  register: canary
  failed_when: canary.state != 'SUCCESS'

- name: Prove that one worker works
  taskfleet.celery.celery_task_run:
    celery_python: /opt/shop/venv/bin/python
    broker_url: "{{ shop_broker_url }}"
    result_backend: "{{ shop_result_backend }}"
    task: celery.accumulate
    node: w1@worker-1
"""

RETURN = r"""
task_id:
  description: The task's id.
  returned: success
  type: str
  sample: 5c1a9c06-0e4b-4a4e-bb0e-3a1f9c4d5a10
sent:
  description: Whether the task was sent.
  returned: success
  type: bool
  sample: true
state:
  description:
    - The task's state as the result backend has it, such as V(SUCCESS), V(FAILURE), V(REVOKED), V(PENDING).
      V(UNKNOWN) without a result backend that can be read, and when nothing was sent.
  returned: success
  type: str
  sample: SUCCESS
result:
  description: What the task returned, or the error that it raised as a text. Null when there is none.
  returned: success
  type: raw
  sample: [1]
runtime:
  description:
    - Seconds that the task ran, by its worker's clock. Null when it was not seen running, as it is looked for each
      second only.
  returned: success
  type: float
  sample: 2.61
waited:
  description: Seconds from the sending to the result, or until the waiting was given up. Null when nothing was sent.
  returned: success
  type: float
  sample: 0.12
reason:
  description:
    - Where it got stuck. Empty when the task has ended, well or not. V(not_enqueued), V(not_taken) by a worker,
      V(not_finished), V(result_unreadable).
  returned: success
  type: str
  sample: ""
message:
  description: The reason in words. Empty when there is none.
  returned: success
  type: str
  sample: "1 messages wait in its queue, and no worker that answers has it"
node:
  description: The worker that ran it. Null when it is not known.
  returned: success
  type: str
  sample: w1@worker-1
seen:
  description: Where the task was last seen at a worker. Null when it was not.
  returned: success
  type: dict
  contains:
    node:
      description: The worker.
      type: str
      returned: success
      sample: w1@worker-1
    state:
      description: One of V(active), V(reserved), V(scheduled), V(ready), and V(ended) when it has gone since.
      type: str
      returned: success
      sample: active
    time_start:
      description: When it began, in seconds since the epoch. Null when it has not.
      type: float
      returned: success
      sample: 1789000000.5
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
      description: Whether it answers. Null when it was not tried.
      type: bool
      returned: success
      sample: true
    layer: &layer
      description:
        - How far the way was good. One of V(url), V(setting), V(dns), V(tcp), V(tls), V(auth), V(protocol), V(client), V(ok), V(none),
          V(unknown).
      type: str
      returned: success
      sample: ok
    error: &error
      description: What is wrong. Empty when nothing is.
      type: str
      returned: success
      sample: ""
result_backend:
  description: Whether the result backend answers.
  returned: success
  type: dict
  contains:
    url:
      description: The result backend's URL without its password. Null when it is not known.
      type: str
      returned: success
      sample: redis://:***@broker.example.com:6379/1
    type:
      description: The kind of backend, V(disabled) when there is none. Null when it is not known.
      type: str
      returned: success
      sample: redis
    reachable:
      description: Whether it answers. Null when there is none, or when that is unknown.
      type: bool
      returned: success
      sample: true
    layer: *layer
    error: *error
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

import uuid

from ansible_collections.taskfleet.celery.plugins.module_utils._common.args import (
    connection_arguments,
    deadline,
    look,
    narrow_no_log,
    read_environment,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._common.module import Module
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import task
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.task_outcome import classify


def complete(outcome, task_id, check_mode):
    """Return the result with all its keys, even those that the helper did not reach."""
    reply = outcome.result or {}
    peer = {"url": None, "reachable": None, "layer": "unknown", "error": ""}
    result = {
        "task_id": task_id,
        "sent": False,
        "result": None,
        "runtime": None,
        "waited": None,
        "node": None,
        "broker": dict(peer, transport=None),
        "result_backend": dict(peer, type=None),
    }
    result.update(classify("UNKNOWN", bool(reply.get("sent")), readable=False))
    result.update((name, value) for name, value in reply.items() if name in result)
    problem = reply.get("problem") or outcome.message or result["broker"]["error"]
    if check_mode and not problem:
        result.update(reason="", message="")
    elif not result["message"] or outcome.error:
        result["message"] = problem or result["message"]
    return dict(result, app_output_tail=outcome.tail, elapsed=round(outcome.elapsed, 2))


def main():
    """Run the module."""
    specification = connection_arguments()
    specification.update(
        broker_url={"type": "str", "no_log": True},
        result_backend={"type": "str", "no_log": True},
        task={"type": "str", "required": True},
        args={"type": "list", "elements": "raw", "default": []},
        kwargs={"type": "dict", "default": {}},
        queue={"type": "str"},
        node={"type": "str"},
        expires={"type": "float"},
        timeout={"type": "float", "default": 15},
    )
    module = Module(
        specification,
        required_one_of=[("app", "broker_url")],
        mutually_exclusive=[("queue", "node")],
        supports_check_mode=True,
    )
    params = module.params
    environment = read_environment(module)
    names = ("app", "broker_url", "result_backend", "task", "args", "kwargs", "queue", "node", "expires")
    arguments = {name: params[name] for name in names}
    arguments.update(
        task_id=str(uuid.uuid4()),
        check_mode=module.check_mode,
        deadline=deadline(params),
    )
    # A task may return its arguments, so only passwords are taken out of the result.
    narrow_no_log(module, dict(environment, result_backend=params["result_backend"] or ""), params["broker_url"])
    outcome = look(module, task, arguments, environment)
    result = complete(outcome, arguments["task_id"], module.check_mode)
    module.exit_json(changed=result["sent"] or (module.check_mode and not result["reason"]), **result)


if __name__ == "__main__":
    main()
