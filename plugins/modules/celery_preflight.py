#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: celery_preflight
short_description: Refuse variables that cannot work, before anything is changed
version_added: 0.1.0
author: taskfleet maintainers (@taskfleet)
description:
  - Judges variables on the controller and answers with every problem at once. Each problem names the variable,
    its value, what is expected, and the remedy.
  - A problem is a refusal or a warning. The task fails when there is at least one refusal.
  - It changes nothing and does not connect to the host. Passwords are never part of a message.
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
  checks:
    description: The topics to judge. A topic that is left out is not judged.
    type: dict
    default: {}
    suboptions:
      names:
        description:
          - Each variable of a host that looks like one of the collection's is one, and each key of its dicts, too. Ansible
            itself finds no misspelt variable.
          - Looked at are the names that begin with a role's name and an underscore, or as those of C(canary), C(diagnose),
            C(purge), C(rolling_restart) and C(scale) do, and those that are nearly such a name; on the command line, also those
            that are nearly the name of any variable of a playbook.
          - With O(checks.names.hosts), a group that has nearly the name of C(celery_workers), or of another group that the playbooks
            act on, and whose hosts are in none of these, is refused, too.
        type: dict
        suboptions:
          roles:
            description: Roles of the collection whose variables are looked at. All roles where it is empty.
            type: list
            elements: str
            default: []
          hosts:
            description: Hosts whose variables are looked at. The host of the task where it is empty.
            type: list
            elements: str
            default: []
      system:
        description: The operating system of the host is one that the roles can install on.
        type: dict
        suboptions:
          os_release:
            description: Content of C(/etc/os-release) of the host.
            type: str
            required: true
          error:
            description: Why it could not be read.
            type: str
            default: ""
      timeouts:
        description:
          - The limits of a task, in the order operation, soft, hard, stop, each above the one before it.
          - On a Redis broker, the hard limit must also be below the visibility timeout.
        type: dict
        suboptions:
          variable:
            description: Name of the variable, for messages.
            type: str
            default: celery_app_timeouts
          value:
            description:
              - Name of a preset (V(default), V(slow), V(fast)), V(none) where the application sets its own, a dict of the four
                limits in seconds, or one of C(stop) alone.
            type: raw
            required: true
          min_gap:
            description: Least distance between two limits, in seconds.
            type: int
            default: 30
          broker_url:
            description: URL of the broker. Only its scheme counts.
            type: str
          visibility_timeout:
            description: The application's visibility timeout on Redis, in seconds.
            type: int
            default: 3600
      app:
        description: Name, source and broker of the application.
        type: dict
        suboptions:
          name:
            description: Value of C(celery_app_name).
            type: str
            required: true
          module:
            description: Value of C(celery_app_module).
            type: str
            required: true
          command:
            description: Value of C(celery_app_command).
            type: str
            default: ""
          scope:
            description: Value of C(celery_app_scope).
            type: str
            default: system
          home:
            description: Value of C(celery_app_home). Must be an absolute path when O(checks.app.scope=user).
            type: str
            default: ""
          service_manager:
            description: Value of C(celery_app_service_manager).
            type: str
            default: systemd
          source:
            description: Value of C(celery_app_source). A path on the controller must exist.
            type: raw
            required: true
          broker_url:
            description: Value of C(celery_app_broker_url).
            type: str
            required: true
          result_backend:
            description: Value of C(celery_app_result_backend).
            type: str
            default: ""
          environment:
            description: Value of C(celery_app_environment).
            type: raw
            default: {}
      app_proof:
        description: What M(taskfleet.celery.celery_app_info) found out on the host.
        type: dict
        suboptions:
          info:
            description: The registered result of M(taskfleet.celery.celery_app_info).
            type: dict
            required: true
          timeouts:
            description: The limits in seconds. The hard limit is compared with the application's own settings.
            type: dict
            default: {}
          instances:
            description: The instances of this host, for their own limits and what they need of Celery.
            type: list
            elements: dict
            default: []
          pools:
            description: Pools that the workers of the host use.
            type: list
            elements: str
            default: []
          modules:
            description: Python modules that the services need, for example V(redbeat) or V(flower).
            type: list
            elements: str
            default: []
      app_settings:
        description: What of the application's own settings M(taskfleet.celery.celery_app_info) found out, held against the workers.
        type: dict
        suboptions:
          info:
            description: The registered result of M(taskfleet.celery.celery_app_info).
            type: dict
            required: true
          instances:
            description: The instances of the application on all hosts.
            type: list
            elements: dict
            default: []
      instances:
        description: The worker instances of one host.
        type: dict
        suboptions:
          variable:
            description: Name of the variable, for messages.
            type: str
            default: celery_worker_instances
          instances:
            description: The instances, as M(taskfleet.celery.celery_declared) has them.
            type: raw
            required: true
          defaults:
            description: Value of C(celery_worker_defaults).
            type: raw
            default: {}
          environments:
            description: By the name of an instance its environment.
            type: dict
            default: {}
          inventory_hostname:
            description: Name of the host, of which each node's name has a part.
            type: str
            required: true
          timeouts:
            description: Value of C(celery_app_timeouts), for instances that have no limits of their own.
            type: raw
            default: default
          min_gap:
            description: Least distance between two limits, in seconds.
            type: int
            default: 30
          broker_url:
            description: URL of the broker. Only its scheme and its hosts count.
            type: str
            default: ""
          visibility_timeout:
            description: The application's visibility timeout on Redis, in seconds.
            type: int
            default: 3600
          has_sentinel:
            description: Value of C(celery_worker_sentinel).
            type: bool
            default: true
          is_verified:
            description: Value of C(celery_worker_verify_enabled).
            type: bool
            default: true
          probe:
            description: How the healthcheck asks, V(sentinel) or V(ping); empty for no healthcheck.
            type: str
            default: sentinel
      venv:
        description: The virtual environment is of the Python that is asked for.
        type: dict
        suboptions:
          python:
            description: Value of C(celery_app_python).
            type: str
            required: true
          version:
            description: Its version on the host, as V(3.11); empty where it does not run.
            type: str
            default: ""
          error:
            description: Why it does not run.
            type: str
            default: ""
          venv:
            description: Value of C(celery_app_venv).
            type: str
            required: true
          venv_version:
            description: The version of a virtual environment that works; empty for none.
            type: str
            default: ""
      packages:
        description: Says what pip could not install; only for a run of pip that has failed.
        type: dict
        suboptions:
          output:
            description: What pip said.
            type: str
            required: true
          packages:
            description: Value of C(celery_app_packages).
            type: list
            elements: str
            default: []
      queues:
        description: The queues that the application names, against the queues that somebody consumes.
        type: dict
        suboptions:
          variable:
            description: Name of the variable, for messages.
            type: str
            default: celery_worker_instances
          app_queues:
            description: Queues that the application names.
            type: list
            elements: str
            required: true
          consumed:
            description: Queues that the instances of all hosts of the inventory consume.
            type: list
            elements: str
            required: true
          instances:
            description: The instances of this host.
            type: list
            elements: dict
            default: []
          task_queues:
            description: Queues that the application declares in its setting C(task_queues).
            type: list
            elements: str
            default: []
          create_missing:
            description: The application's setting C(task_create_missing_queues).
            type: bool
            default: true
      removal:
        description: A deployment leaves at least half of the workers that run on a host.
        type: dict
        suboptions:
          variable:
            description: Name of the variable, for messages.
            type: str
            default: celery_worker_instances
          app:
            description: Name of the application.
            type: str
            required: true
          declared:
            description: Nodes of the instances that are declared for the host.
            type: list
            elements: str
            required: true
          processes:
            description: The Celery processes of the host, as M(taskfleet.celery.celery_host_info) returns them.
            type: list
            elements: dict
            default: []
          is_allowed:
            description: Whether more than half of them, or all, may be removed.
            type: bool
            default: false
      beat:
        description: There is exactly one beat for an application.
        type: dict
        suboptions:
          app:
            description: Name of the application.
            type: str
            required: true
          hosts:
            description: Names of all hosts of the inventory that run beat for this application.
            type: list
            elements: str
            required: true
          schedule_file:
            description: Value of C(celery_beat_schedule_file).
            type: str
            default: ""
          scheduler:
            description: Value of C(celery_beat_scheduler).
            type: str
            default: persistent
          broker_url:
            description: URL of the broker. Only its scheme counts.
            type: str
            default: ""
          redbeat_redis_url:
            description: URL of the Redis that redbeat uses, if it is not the broker.
            type: str
            default: ""
          max_interval:
            description: Value of C(celery_beat_max_interval), in seconds.
            type: int
            default: 0
          strays:
            description: The RV(taskfleet.celery.celery_host_info#module:strays) of the host.
            type: list
            elements: dict
            default: []
          environment:
            description: Value of C(celery_beat_environment).
            type: raw
            default: {}
      flower:
        description: Nobody but who should reaches Flower.
        type: dict
        suboptions:
          basic_auth:
            description: Value of C(celery_flower_basic_auth), users and passwords with a colon between, as a list or as one text.
            type: raw
            default: []
          allow_unauthenticated:
            description: Value of C(celery_flower_allow_unauthenticated).
            type: bool
            default: false
          address:
            description: Value of C(celery_flower_address).
            type: str
            default: 127.0.0.1
          port:
            description: Value of C(celery_flower_port).
            type: raw
            default: 5555
          url_prefix:
            description: Value of C(celery_flower_url_prefix).
            type: str
            default: ""
          persistent:
            description: Value of C(celery_flower_persistent).
            type: bool
            default: false
          db:
            description: Value of C(celery_flower_db).
            type: str
            default: ""
          max_tasks:
            description: Value of C(celery_flower_max_tasks).
            type: raw
            default: 100000
          broker_api:
            description: Value of C(celery_flower_broker_api).
            type: str
            default: ""
          broker_url:
            description: URL of the broker. Only its scheme counts.
            type: str
            default: ""
          environment:
            description: Value of C(celery_flower_environment).
            type: raw
            default: {}
      broker:
        description: The broker can be run as declared, and has a password that its configuration file can hold.
        type: dict
        suboptions:
          kind:
            description: Value of C(celery_broker_kind).
            type: str
            required: true
          bind:
            description: Value of C(celery_broker_bind), a list, or text with spaces or commas between.
            type: raw
            default: [127.0.0.1]
          port:
            description: Value of C(celery_broker_port).
            type: raw
          password:
            description: Value of C(celery_broker_password).
            type: str
            default: ""
          maxmemory:
            description: Value of C(celery_broker_maxmemory).
            type: str
            default: ""
          maxmemory_policy:
            description: Policy of Redis for a full memory.
            type: str
            default: noeviction
          scope:
            description: Value of C(celery_broker_scope).
            type: str
            choices: [system, user]
            default: system
          app_scope:
            description: Value of C(celery_app_scope).
            type: str
            choices: [system, user]
            default: system
seealso:
  - module: taskfleet.celery.celery_app_info
  - module: taskfleet.celery.celery_host_info
  - plugin: taskfleet.celery.celery_timeouts
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Refuse timeouts in a wrong order
  taskfleet.celery.celery_preflight:
    checks:
      timeouts:
        value: "{{ celery_app_timeouts }}"
        broker_url: "{{ celery_app_broker_url }}"

- name: Refuse misspelt variables on all hosts of the play
  taskfleet.celery.celery_preflight:
    checks:
      names:
        hosts: "{{ ansible_play_hosts_all }}"
  run_once: true

- name: Refuse worker instances that cannot work
  taskfleet.celery.celery_preflight:
    checks:
      instances:
        instances: "{{ celery_worker_instances }}"
        inventory_hostname: "{{ inventory_hostname }}"

- name: Judge without failing
  taskfleet.celery.celery_preflight:
    checks:
      beat:
        app: shop
        hosts: "{{ groups['celery_beat'] }}"
        schedule_file: /var/lib/shop/celerybeat-schedule
  register: verdict
  failed_when: false

- name: Show only what would stop the play
  ansible.builtin.debug:
    msg: "{{ verdict.problems | selectattr('level', 'eq', 'refuse') | map(attribute='remedy') }}"
"""

RETURN = r"""
problems:
  description: Every problem, refusals and warnings, in the order of the topics.
  returned: always
  type: list
  elements: dict
  contains:
    level:
      description: V(refuse) stops the play, V(warn) does not.
      returned: always
      type: str
      sample: refuse
    variable:
      description: The variable, or the thing, that the problem is about.
      returned: always
      type: str
      sample: celery_app_timeouts.hard
    actual:
      description: What it is now.
      returned: always
      type: str
      sample: soft 300 s, hard 240 s
    expected:
      description: What it should be.
      returned: always
      type: str
      sample: soft < hard, at least 30 s apart
    remedy:
      description: What to do.
      returned: always
      type: str
      sample: raise hard to 330 s or more, or lower soft
    reference:
      description: Address of an upstream issue or of a page of documentation, or an empty text.
      returned: always
      type: str
      sample: https://github.com/celery/celery/issues/4185
    suggestion:
      description: The name that was probably meant, or an empty text.
      returned: always
      type: str
      sample: celery_worker_instances
msg:
  description: Every refusal as one text.
  returned: when there is a refusal
  type: str
  sample: "Preflight found 1 problem. This step changed nothing."
"""
