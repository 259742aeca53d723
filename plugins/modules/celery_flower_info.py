#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: celery_flower_info
short_description: Ask Flower what it sees
version_added: 0.1.0
author:
  - The taskfleet.celery contributors (@taskfleet)
description:
  - Asks the HTTP API of Flower which workers it knows, and whether it reaches the broker.
  - Does not fail when Flower cannot be reached, but says at which layer the way to it ends.
  - What Flower sees of a worker are its events. A worker that sends none, or that was there before Flower, can be
    offline for Flower and work.
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.info_module
  - taskfleet.celery._attributes.actiongroup_celery
options:
  url:
    description:
      - Where Flower listens, without a password.
    type: str
    default: http://127.0.0.1:5555
  url_prefix:
    description:
      - The first part of the path, as Flower's own option has it.
    type: str
    default: ""
  username:
    description:
      - The user to log in as.
    type: str
  password:
    description:
      - The user's password.
    type: str
  validate_certs:
    description:
      - Whether the certificate has to be valid.
    type: bool
    default: true
  refresh:
    description:
      - Let Flower ask all workers first. This takes as long as its C(inspect_timeout), and proves its way to the broker.
    type: bool
    default: false
  timeout:
    description:
      - Seconds that the whole call may take.
    type: float
    default: 10
notes:
  - Flower's API does not report its release. M(taskfleet.celery.celery_app_info) does.
seealso:
  - module: taskfleet.celery.celery_inspect_info
"""

EXAMPLES = r"""
- name: Ask Flower on its own host
  taskfleet.celery.celery_flower_info:
    username: ops
    password: "{{ vault_flower_password }}"
  register: flower

- name: Say where the way to it ends
  ansible.builtin.debug:
    msg: "{{ flower.layer }}: {{ flower.error }}"
  when: flower.layer != 'ok'

- name: Ask one behind a proxy, and let it ask the workers
  taskfleet.celery.celery_flower_info:
    url: https://tools.example.com
    url_prefix: flower
    username: ops
    password: "{{ vault_flower_password }}"
    refresh: true
"""

RETURN = r"""
url:
  description: The address that was asked.
  returned: success
  type: str
  sample: http://127.0.0.1:5555
reachable:
  description: Whether something there answers in HTTP, be it with a refusal.
  returned: success
  type: bool
  sample: true
layer:
  description:
    - How far the way to Flower was good. V(ok), or the step that failed. One of V(dns), V(tcp), V(tls), V(http), V(auth).
  returned: success
  type: str
  sample: ok
error:
  description: What is wrong. Empty when nothing is.
  returned: success
  type: str
  sample: ""
status:
  description: The HTTP status. Null without an answer.
  returned: success
  type: int
  sample: 200
server:
  description: What the HTTP server calls itself.
  returned: success
  type: str
  sample: TornadoServer/6.5
workers:
  description: By the names of the workers that Flower knows, whether it thinks them online.
  returned: success
  type: dict
  sample: {"w1@worker-1": true}
broker:
  description: What Flower's answers say about its broker.
  returned: success
  type: dict
  contains:
    reachable:
      description: Whether Flower reaches it. Null where that is unknown.
      returned: success
      type: bool
      sample: true
    error:
      description: What Flower says of it. Empty when nothing is wrong.
      returned: success
      type: str
      sample: ""
    queues:
      description: By the names of the queues that Flower knows, how many messages wait.
      returned: success
      type: dict
      sample: {"celery": 0}
elapsed:
  description: Seconds that the call took.
  returned: success
  type: float
  sample: 0.02
"""

import time
from urllib.parse import urlsplit

from ansible_collections.taskfleet.celery.plugins.module_utils._common.module import Module
from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import Clock
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import mask
from ansible_collections.taskfleet.celery.plugins.module_utils._observe.flower import Flower, look


def refuse_bad_url(module, url):
    """Fail on what is no address, or has a password in it, which would be shown."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        good = False
    if not good:
        module.fail_json(msg="url is not an address; expected http://host:port or https://host:port")
    if parts.username or parts.password:
        module.params["url"] = mask(url)
        module.fail_json(msg="url has a user in it; give username and password instead")


def main():
    """Run the module."""
    module = Module(
        argument_spec={
            "url": {"type": "str", "default": "http://127.0.0.1:5555"},
            "url_prefix": {"type": "str", "default": ""},
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "validate_certs": {"type": "bool", "default": True},
            "refresh": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 10},
        },
        required_together=[("username", "password")],
        supports_check_mode=True,
    )
    params = module.params
    refuse_bad_url(module, params["url"])
    began = time.monotonic()
    flower = Flower(
        params["url"], params["url_prefix"], params["username"], params["password"], params["validate_certs"]
    )
    found = look(flower, Clock(params["timeout"]), params["refresh"])
    module.exit_json(changed=False, elapsed=round(time.monotonic() - began, 2), **found)


if __name__ == "__main__":
    main()
