#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: celery_queue_purge
short_description: Empty Celery queues into a file, from which they can be filled again
version_added: 0.1.0
author:
  - The taskfleet.celery contributors (@taskfleet)
description:
  - Writes every message of the queues to a file, with body, headers, properties, priority and ETA, brings the file to the
    disk, and only then deletes the messages. M(taskfleet.celery.celery_queue_restore) puts them back.
  - Messages that workers have taken and not acknowledged are left alone. Messages that arrive while it runs are
    written down or left, and workers may go on.
  - Run it again, with the same O(dump_to), when it was interrupted. It then finishes what it had begun.
  - On Redis the lists of a queue are renamed in one step, so that nobody takes what is being written down. Should the
    run be killed, workers do not see these messages until it is run again, with any O(dump_to), and no
    message is in two dumps that can both be restored. RV(taskfleet.celery.celery_queue_info#module:queues.held) counts them. It
    needs no memory on the server, so it works when Redis is full.
  - On RabbitMQ messages are taken without acknowledgement, and go back to their queue when the run is killed. Should it
    be killed in the moment between giving the file its name and the acknowledgement, the file holds messages that are
    in the queue, too. The file says that it is not finished, and is not restored until the purge is run again with
    it. A worker may run some of them in the meantime, and a restore would then run them a second time; the module
    warns of it. It publishes nothing, so it works while RabbitMQ blocks publishers.
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
    details:
      - A queue that is empty is left as it is, and no file is written.
options:
  queues:
    description:
      - The queues to empty.
    type: list
    elements: str
    required: true
  confirm:
    description:
      - Must be V(true), as tasks are taken away. In check mode, too.
    type: bool
    default: false
  dump_to:
    description:
      - The file to write, on the host that the task runs on. Only its owner, O(user), may read it, as messages may hold
        secrets. O(user) must be allowed to write to its directory.
      - It appears when it is complete; until then it is called O(dump_to) with C(.partial) added. A dump is never written
        over. It has one JSON document a line.
    type: path
    required: true
  timeout:
    description:
      - Seconds that the whole call may take. When they do not do, the messages go back to their queue, unless the dump was
        complete already.
    type: float
    default: 300
notes:
  - RabbitMQ does not keep the order of a quorum queue when it takes back messages that a client held when it was killed.
  - With a priority queue on RabbitMQ the order is that in which a worker would get the messages.
seealso:
  - module: taskfleet.celery.celery_queue_restore
  - module: taskfleet.celery.celery_queue_info
"""

EXAMPLES = r"""
- name: Empty a queue that was flooded
  taskfleet.celery.celery_queue_purge:
    celery_python: /opt/shop/venv/bin/python
    app: shop.celery
    chdir: /opt/shop/src
    environment_file: /etc/shop/celery.env
    user: shop
    queues: [mail]
    confirm: true
    dump_to: /var/lib/shop/mail-before-fix.jsonl
  register: purge

- name: See how many messages there are
  taskfleet.celery.celery_queue_purge:
    celery_python: /opt/shop/venv/bin/python
    broker_url: "{{ shop_broker_url }}"
    queues: [mail]
    confirm: true
    dump_to: /var/lib/shop/mail.jsonl
  check_mode: true
"""

RETURN = r"""
purged:
  description:
    - By queue the number of messages that were written down and deleted. In check mode the number that would be.
    - When the call finished an earlier purge, the number in that dump.
  returned: success
  type: dict
  sample: {"mail": 10000}
dump_to:
  description: The file with the messages. Null when there were none and no file was written.
  returned: success
  type: str
  sample: /var/lib/shop/mail-before-fix.jsonl
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
  sample: broker
"""

from ansible_collections.taskfleet.celery.plugins.module_utils._common.module import Module
from ansible_collections.taskfleet.celery.plugins.module_utils._common.queue_args import depths, move, queue_arguments
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues import purge


def main():
    """Run the module."""
    specification = queue_arguments(timeout=300)
    specification.update(
        queues={"type": "list", "elements": "str", "required": True},
        confirm={"type": "bool", "default": False},
        dump_to={"type": "path", "required": True},
    )
    module = Module(specification, required_one_of=[("app", "broker_url")], supports_check_mode=True)
    params = module.params
    if not params["queues"]:
        module.fail_json(msg="queues is empty; name the queues to empty", kind="refused")
    if not params["confirm"]:
        text = "confirm is false; a purge takes all tasks out of {0}. Set confirm to true"
        module.fail_json(msg=text.format(", ".join(params["queues"])), kind="refused")
    if not params["dump_to"].startswith("/"):
        module.fail_json(msg="dump_to is {dump_to}; expected an absolute path".format(**params), kind="refused")
    params["queues"] = sorted(set(params["queues"]))
    reply, outcome = move(module, purge, dump_to=params["dump_to"], check=module.check_mode)
    for warning in reply["warnings"]:
        module.warn(warning)
    module.exit_json(
        changed=any(reply["purged"].values()),
        purged=reply["purged"],
        dump_to=reply["dump_to"],
        diff={"before": depths(reply["purged"], 1), "after": depths(reply["purged"], 0)},
        broker=reply["broker"],
        app_output_tail=outcome.tail,
        elapsed=round(outcome.elapsed, 2),
    )


if __name__ == "__main__":
    main()
