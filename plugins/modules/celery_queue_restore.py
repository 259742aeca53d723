#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: celery_queue_restore
short_description: Put the messages of a purge back into their Celery queues, once
version_added: 0.1.0
author:
  - The taskfleet.celery contributors (@taskfleet)
description:
  - Puts the messages of a file of M(taskfleet.celery.celery_queue_purge) back into their queues, byte for byte.
  - The broker remembers what was put back, so neither a second run nor one after an interruption puts a message back
    twice. Copies of the file are one file.
  - On Redis each list is put in place in one step, with its order and priority, ahead of the messages that have
    arrived since. The key C(_taskfleet.restored) remembers it, below the key prefix.
    Messages that a restore which was killed had brought to the server and not put in place are dropped within an hour.
  - On RabbitMQ messages go behind those that have arrived since, as AMQP knows no other place. They are published
    straight to the queue, so their exchange and routing key are then those of the default exchange. They are published
    in transactions that also write how far it came, into the queue C(taskfleet.restored). Killing the module at any
    moment duplicates nothing. Only a crash of RabbitMQ itself in the middle of a transaction may, as its transactions
    are not atomic for more than one queue.
  - A message that expires begins its time anew on RabbitMQ.
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.actiongroup_application
  - taskfleet.celery._connection
  - taskfleet.celery._queues
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  dump_from:
    description:
      - The file, on the host that the task runs on. O(user) must be allowed to read it.
    type: path
    required: true
  timeout:
    description:
      - Seconds that the whole call may take. When they do not do, run it again.
    type: float
    default: 300
seealso:
  - module: taskfleet.celery.celery_queue_purge
  - module: taskfleet.celery.celery_queue_info
"""

EXAMPLES = r"""
- name: Put back what was purged
  taskfleet.celery.celery_queue_restore:
    celery_python: /opt/shop/venv/bin/python
    app: shop.celery
    chdir: /opt/shop/src
    environment_file: /etc/shop/celery.env
    user: shop
    dump_from: /var/lib/shop/mail-before-fix.jsonl

- name: Put it into another broker of the same kind
  taskfleet.celery.celery_queue_restore:
    celery_python: /opt/shop/venv/bin/python
    broker_url: "{{ shop_new_broker_url }}"
    dump_from: /var/lib/shop/mail-before-fix.jsonl
"""

RETURN = r"""
restored:
  description:
    - By queue the number of messages that this call has put back. In check mode the number that it would.
    - Zero for messages that an earlier call has put back.
  returned: success
  type: dict
  sample: {"mail": 10000}
messages:
  description: By queue the number of messages in the file.
  returned: success
  type: dict
  sample: {"mail": 10000}
broker:
  description: The broker.
  returned: success or when the broker failed
  type: dict
  contains:
    url:
      description: Its URL without its password. Null when it is not known.
      type: str
      returned: success
      sample: redis://:***@broker.example.com:6379/0
    transport:
      description: The transport. Null when it is not known.
      type: str
      returned: success
      sample: redis
    reachable:
      description: Whether it answers. Null when it was not tried. True together with an error is a broker that refuses.
      type: bool
      returned: success
      sample: true
    layer:
      description:
        - How far the way to it was good. V(ok), or the step that failed. One of V(url), V(setting), V(dns), V(tcp), V(tls), V(auth),
          V(protocol), V(client). V(unknown) was not tried.
      type: str
      returned: success
      sample: ok
    error:
      description: What is wrong. Empty when nothing is.
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
  sample: 1.92
kind:
  description:
    - What failed. V(refused) is an argument, or the file, V(broker) the broker, V(application) the application's import,
      V(transport) a broker of another kind, V(timed_out), V(killed), V(crashed) and V(no_result) the process, and
      V(interpreter_missing), V(not_permitted), V(user_unknown), V(directory_missing), V(environment_file) what it needs
      to start.
  returned: failure
  type: str
  sample: refused
"""

from ansible_collections.taskfleet.celery.plugins.module_utils._common.module import Module
from ansible_collections.taskfleet.celery.plugins.module_utils._common.queue_args import depths, move, queue_arguments
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues import restore


def main():
    """Run the module."""
    specification = queue_arguments(timeout=300)
    specification.update(dump_from={"type": "path", "required": True})
    module = Module(specification, required_one_of=[("app", "broker_url")], supports_check_mode=True)
    params = module.params
    if not params["dump_from"].startswith("/"):
        module.fail_json(msg="dump_from is {dump_from}; expected an absolute path".format(**params), kind="refused")
    reply, outcome = move(module, restore, dump_from=params["dump_from"], check=module.check_mode)
    module.exit_json(
        changed=any(reply["restored"].values()),
        restored=reply["restored"],
        messages=reply["messages"],
        diff={"before": depths(reply["restored"], 0), "after": depths(reply["restored"], 1)},
        broker=reply["broker"],
        app_output_tail=outcome.tail,
        elapsed=round(outcome.elapsed, 2),
    )


if __name__ == "__main__":
    main()
