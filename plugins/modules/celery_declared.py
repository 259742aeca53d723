#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: celery_declared
short_description: Report what the inventory declares of its applications
version_added: 0.1.0
author: taskfleet maintainers (@taskfleet)
description:
  - Reads the variables of all hosts once, on the controller, and returns the instances, the queues, the beat and the
    Flower of each application, with typed values and with the defaults of the collection.
  - It changes nothing and connects to no host. Use it with C(run_once).
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.info_module
  - taskfleet.celery._attributes.actiongroup_celery
options:
  workers:
    description:
      - The hosts that run workers. Those of the group C(celery_workers) where it is left out.
    type: list
    elements: str
  beat:
    description:
      - The hosts that run beat. Those of the group C(celery_beat) where it is left out.
    type: list
    elements: str
  flower:
    description:
      - The hosts that run Flower. Those of the group C(celery_flower) where it is left out.
    type: list
    elements: str
  app:
    description:
      - The application of a host whose C(celery_app_name) says nothing. Left out, such a host is left out too.
    type: str
"""

EXAMPLES = r"""
- name: Read the inventory
  taskfleet.celery.celery_declared:
  register: declared
  run_once: true

- name: Name the nodes of the shop
  ansible.builtin.debug:
    msg: "{{ declared.applications.shop.nodes }}"
"""

RETURN = r"""
applications:
  description: By name what is declared of each application.
  returned: success
  type: dict
  contains:
    instances:
      description:
        - The workers, each with the keys of C(celery_worker_instances) and with RV(ignore:node), RV(ignore:host),
          RV(ignore:service) and RV(ignore:limits). RV(ignore:autoscale) is a list of the most and the fewest processes,
          RV(ignore:environment) the names of its variables.
      returned: success
      type: list
      elements: dict
      sample: [{"name": "w1", "node": "w1@worker-1", "host": "worker-1", "queues": ["celery"]}]
    names:
      description: By host the names of its workers.
      returned: success
      type: dict
      sample: {worker-1: [w1]}
    nodes:
      description: The names that the workers answer to.
      returned: success
      type: list
      elements: str
      sample: [w1@worker-1]
    queues:
      description: The queues that any of the workers consumes.
      returned: success
      type: list
      elements: str
      sample: [celery]
    beat:
      description: The hosts where beat shall run.
      returned: success
      type: list
      elements: str
      sample: [worker-1]
    flower:
      description: The hosts where Flower shall run.
      returned: success
      type: list
      elements: str
      sample: [worker-1]
    flower_urls:
      description: By each of these hosts, where Flower is asked on it.
      returned: success
      type: dict
      sample: {worker-1: "http://127.0.0.1:5555/"}
  sample: {}
"""
