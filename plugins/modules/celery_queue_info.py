#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: celery_queue_info
short_description: Look into Celery queues on the broker
version_added: 0.1.0
author:
  - The taskfleet.celery contributors (@taskfleet)
description:
  - Counts the messages of queues by priority, those that workers have taken and not acknowledged, and the consumers.
  - What cannot be known is null, and RV(queues.unknown) says why. It is never zero. A broker that does not answer, or
    refuses, gives no numbers at all, and RV(broker) says at which layer it failed.
  - On Redis a queue is one list for each priority. All of them are counted, together with what workers have taken.
  - On RabbitMQ AMQP says of a queue how many messages are ready and how many consumers there are. The rest takes
    O(management_url).
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.info_module
  - taskfleet.celery._attributes.actiongroup_application
  - taskfleet.celery._connection
  - taskfleet.celery._queues
options:
  queues:
    description:
      - The queues. The default is all that the application names. Needed without O(app).
    type: list
    elements: str
    default: []
  management_url:
    description:
      - The URL of RabbitMQ's management API, for example V(http://broker.example.com:15672). With no user in it, that of
        the broker's URL logs in. Redis has none.
      - Its numbers are up to some five seconds old.
    type: str
  timeout:
    description:
      - Seconds that the whole call may take.
    type: float
    default: 10
seealso:
  - module: taskfleet.celery.celery_inspect_info
  - module: taskfleet.celery.celery_queue_purge
"""

EXAMPLES = r"""
- name: Wait until the queue is worked off
  taskfleet.celery.celery_queue_info:
    celery_python: /opt/shop/venv/bin/python
    app: shop.celery
    chdir: /opt/shop/src
    environment_file: /etc/shop/celery.env
    user: shop
    queues: [celery]
  register: depth
  until: depth.queues.celery.ready == 0 and depth.queues.celery.unacked == 0
  retries: 60
  delay: 5

- name: Look into queues on RabbitMQ without the application
  taskfleet.celery.celery_queue_info:
    celery_python: /opt/shop/venv/bin/python
    broker_url: "{{ shop_broker_url }}"
    management_url: http://broker.example.com:15672
    queues: [celery, mail]
  register: depth

- name: Stop when nobody consumes a queue in which work waits
  ansible.builtin.assert:
    that: item.value.ready == 0 or item.value.consumers != 0
    fail_msg: "{{ item.value.ready }} messages wait in {{ item.key }}, and nobody consumes it"
  loop: "{{ depth.queues | dict2items }}"
"""

RETURN = r"""
queues:
  description: By name the queues. Empty when the broker could not be asked.
  returned: success
  type: dict
  contains:
    exists:
      description:
        - Whether the queue is there. Without it, all numbers are null.
        - On Redis a queue that is empty is there as long as an exchange leads to it. Null when there was no time to
          find out.
      type: bool
      returned: success
      sample: true
    ready:
      description: How many messages wait for a consumer.
      type: int
      returned: success
      sample: 12
    unacked:
      description:
        - How many messages workers have taken and not acknowledged. On RabbitMQ null without O(management_url).
        - On Redis, a message in RV(unattributed) may belong to the queue, too.
      type: int
      returned: success
      sample: 4
    consumers:
      description:
        - How many consumers the queue has.
        - On Redis it is V(0) when no client at all waits for messages, and null otherwise, as Redis does not say which
          queues a client waits for. RV(clients) are the clients.
      type: int
      returned: success
      sample: 2
    by_priority:
      description:
        - How many messages wait, by priority. On Redis the priority is the step that kombu rounds down to, and V(0) goes
          first. On RabbitMQ the highest goes first, and it is null unless the management API reports it.
      type: dict
      returned: success
      sample: {"0": 10, "3": 0, "6": 2, "9": 0}
    oldest_age:
      description:
        - Seconds since a worker took the oldest message that is not acknowledged, or since the next message was sent, if
          that says so; the greater of the two. Null when neither is known.
        - Celery puts no time into its messages. How long a message waits is therefore known only where the application
          sets the property C(timestamp). RabbitMQ reports only the latter, through the management API.
      type: int
      returned: success
      sample: 35
    oldest_age_of:
      description: Which message RV(queues.oldest_age) is about, V(unacked) or V(ready). Null when it is null.
      type: str
      returned: success
      sample: unacked
    held:
      description:
        - How many messages a purge that was interrupted has set aside on Redis. Workers do not see them. Run
          M(taskfleet.celery.celery_queue_purge) again. On RabbitMQ null, there they go back to the queue by themselves.
      type: int
      returned: success
      sample: 0
    type:
      description: The type of a queue of RabbitMQ, for example V(classic) or V(quorum), from the management API.
      type: str
      returned: success
      sample: null
    error:
      description: What the broker says instead of numbers, for example that a key is no list. Empty when nothing is.
      type: str
      returned: success
      sample: ""
    unknown:
      description: By key the reason why it is null.
      type: dict
      returned: success
      sample: {"consumers": "the client list of Redis does not say which queues a client waits for; see clients"}
clients:
  description:
    - On Redis the clients whose last command waits for messages, on this database. Null when not known, and on RabbitMQ.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name that the transport option C(client_name) gives it, from kombu 5.6. Empty when none.
      type: str
      returned: success
      sample: w1@worker-1
    address:
      description: Its address and port as the broker sees it.
      type: str
      returned: success
      sample: 192.0.2.10:51234
    idle:
      description: Seconds since its last command. A worker repeats the command each second while it wants messages.
      type: int
      returned: success
      sample: 1
    blocked:
      description: Whether it waits at this moment. A worker that has taken all it may does not.
      type: bool
      returned: success
      sample: true
unacked:
  description: On Redis the number of unacknowledged messages of all queues. Null when not known, and on RabbitMQ.
  returned: success
  type: int
  sample: 4
unattributed:
  description:
    - On Redis the number of unacknowledged messages that no single queue could be found for. Null when not known, and on
      RabbitMQ.
  returned: success
  type: int
  sample: 0
broker:
  description: Whether the broker could be asked.
  returned: success
  type: dict
  contains: &peer
    url:
      description: The URL without its password. Null when it is not known.
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
        - Whether it answers. Null when it was not tried. True together with an error is a peer that answers and refuses.
      type: bool
      returned: success
      sample: true
    layer:
      description:
        - How far the way was good. V(ok), or the step that failed. One of V(url), V(setting), V(dns), V(tcp), V(tls), V(auth), V(protocol),
          V(client). V(unknown) was not tried.
      type: str
      returned: success
      sample: ok
    error:
      description: What is wrong. Empty when nothing is.
      type: str
      returned: success
      sample: ""
management:
  description: Whether RabbitMQ's management API could be asked, in the form of RV(broker).
  returned: success
  type: dict
  contains: *peer
probe:
  description: Whether the question itself could be put.
  returned: success
  type: dict
  contains:
    ok:
      description: Whether it could. When not, nothing is known of any queue.
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
  sample: 0.41
kind:
  description:
    - Why the interpreter could not be started. One of V(interpreter_missing), V(not_permitted), V(user_unknown),
      V(directory_missing), V(environment_file).
  returned: failure
  type: str
  sample: interpreter_missing
"""

from ansible_collections.taskfleet.celery.plugins.module_utils._common.module import Module
from ansible_collections.taskfleet.celery.plugins.module_utils._common.queue_args import ask, queue_arguments
from ansible_collections.taskfleet.celery.plugins.module_utils._common.replies import NOT_ASKED
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues import info


def main():
    """Run the module."""
    specification = queue_arguments(timeout=10)
    specification.update(
        queues={"type": "list", "elements": "str", "default": []},
        management_url={"type": "str", "no_log": True},
    )
    module = Module(specification, required_one_of=[("app", "broker_url")], supports_check_mode=True)
    params = module.params
    if not params["app"] and not params["queues"]:
        module.fail_json(msg="queues is empty, and without app no queue is known; name the queues in queues")
    reply, outcome = ask(module, info, queues=params["queues"], management_url=params["management_url"])
    module.exit_json(
        changed=False,
        queues=reply.get("queues", {}),
        clients=reply.get("clients"),
        unacked=reply.get("unacked"),
        unattributed=reply.get("unattributed"),
        broker=reply["broker"],
        management=dict(NOT_ASKED, **reply.get("management", {})),
        probe=reply["probe"],
        app_output_tail=outcome.tail,
        elapsed=round(outcome.elapsed, 2),
    )


if __name__ == "__main__":
    main()
