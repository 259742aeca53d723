#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: celery_app_info
short_description: Report whether a Celery application imports and reaches its broker
version_added: 0.1.0
author:
  - The taskfleet.celery contributors (@taskfleet)
description:
  - Imports the application in its virtual environment as its user, and reports what it is.
  - Asks its broker and its result backend step by step whether they answer, and names the step that failed.
  - Does not fail when the application does not import or a peer does not answer, but says so. It fails when the
    interpreter cannot be started.
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.info_module
  - taskfleet.celery._attributes.actiongroup_application
  - taskfleet.celery._connection
options:
  app:
    description:
      - The application, as C(celery -A) gets it, for example V(shop.celery), V(shop.celery:app) or V(shop).
    type: str
    required: true
  require:
    description:
      - Further Python modules that have to import, for example V(gevent).
    type: list
    elements: str
    default: []
  own_environment_file:
    description:
      - A file like O(environment_file) that one service has besides. Its variables win over those of O(environment_file).
    type: path
    version_added: 0.1.0
  source_dir:
    description:
      - The application's source tree, which goes into RV(revision).
    type: path
  worker:
    description:
      - What the workers do that will run with this environment. It is tried with the broker's user, and with that of a result
        backend on Redis, and RV(refused) says what does not go.
      - Nothing is left behind but the exchanges C(celery.pidbox) and C(celeryev), which any worker declares. A queue that
        RabbitMQ has is declared with the application's arguments.
      - RabbitMQ logs an error for each queue that it has not, since it is asked for the right without making the queue.
      - Nothing of it is tried when this is not set.
    type: dict
    suboptions:
      queues:
        description: The queues that they consume. Empty stands for those that a worker without any consumes.
        type: list
        elements: str
        default: []
      remote_control:
        description: Whether they answer remote control.
        type: bool
        default: true
      gossip:
        description: Whether they listen to each other's events.
        type: bool
        default: false
  timeout:
    description:
      - Seconds that the whole look may take. Then the process is ended.
    type: float
    default: 30
seealso:
  - module: taskfleet.celery.celery_inspect_info
"""

EXAMPLES = r"""
- name: Look at the application
  taskfleet.celery.celery_app_info:
    celery_python: /opt/shop/venv/bin/python
    app: shop.celery
    chdir: /opt/shop/src
    environment_file: /etc/shop/celery.env
    user: shop
  register: shop

- name: Refuse to go on when the application does not import or its broker does not answer
  ansible.builtin.assert:
    that:
      - shop.app.imported
      - shop.broker.reachable
    fail_msg: "{{ shop.app.error or shop.broker.error }} (layer: {{ shop.broker.layer }})"

- name: Try an environment that is not written yet
  taskfleet.celery.celery_app_info:
    celery_python: /opt/shop/venv/bin/python
    app: shop.celery
    chdir: /opt/shop/src
    environment:
      CELERY_BROKER_URL: "{{ shop_broker_url }}"
    require:
      - gevent
    worker:
      queues: [default, reports]
    user: shop
"""

RETURN = r"""
app:
  description: Whether the application imports.
  returned: success
  type: dict
  contains:
    imported:
      description: Whether it imports, with all the modules that a worker imports.
      type: bool
      returned: success
      sample: true
    error:
      description: What is wrong, and where. Empty when it imports.
      type: str
      returned: success
      sample: "the application does not import: ModuleNotFoundError: No module named 'requests' (/opt/shop/src/shop/celery.py, line 3)"
    error_line:
      description: The last line of the traceback. Empty when it imports.
      type: str
      returned: success
      sample: "ModuleNotFoundError: No module named 'requests'"
    name:
      description: The application as it was asked for.
      type: str
      returned: success
      sample: shop.celery
    main:
      description: The name that the application gives itself.
      type: str
      returned: success
      sample: shop
versions:
  description: Version of Python and of the distributions that matter to Celery. Null when not installed.
  returned: success
  type: dict
  sample: {"python": "3.11.2", "celery": "5.7.0", "kombu": "5.7.0", "redis": "6.4.0", "gevent": null}
fit:
  description: Whether Celery, kombu and the client library of the broker go together.
  returned: success
  type: dict
  contains:
    ok:
      description: Whether they go together.
      type: bool
      returned: success
      sample: false
    problem:
      description: Which do not. Empty when all do.
      type: str
      returned: success
      sample: "kombu 5.7.0 needs redis<9.0.0,>=6.4.0, installed is redis 4.6.0"
    remedy:
      description: What to pin or to install. Empty when nothing is to be done.
      type: str
      returned: success
      sample: "pin kombu to celery's line: celery[redis]==5.3.4 with kombu>=5.3,<5.4"
    only_client:
      description: Whether nothing but the client library of the broker is outside the range that kombu states.
      type: bool
      returned: success
      sample: true
broker:
  description: Whether the broker answers.
  returned: success
  type: dict
  contains:
    url:
      description: The broker's URL without its password. Null when the application does not import.
      type: str
      returned: success
      sample: redis://:***@broker.example.com:6379/0
    transport:
      description: The transport. Null when the application does not import.
      type: str
      returned: success
      sample: redis
    reachable:
      description: Whether the application's client could log in. Null when it was not tried.
      type: bool
      returned: success
      sample: true
    layer:
      description:
        - How far the way to the broker was good. V(dns), V(tcp), V(tls), V(auth) and V(protocol) are the step that
          failed. V(url) is a URL in which clients do not find the host. V(setting) is one that the library cannot do anything
          with. V(client) is the application's own library
          that refuses to work. V(unknown) was not tried.
      type: str
      returned: success
      sample: ok
    error:
      description: What is wrong. Empty when nothing is.
      type: str
      returned: success
      sample: "no connection to broker.example.com:6379: Connection refused"
    heartbeat:
      description: Seconds between two heartbeats that RabbitMQ proposes. The smaller of this and C(broker_heartbeat) counts.
      type: int
      returned: RabbitMQ answers, and O(worker) is set
      sample: 60
result_backend:
  description: Whether the result backend answers.
  returned: success
  type: dict
  contains:
    url:
      description: The result backend's URL without its password. Null when the application does not import.
      type: str
      returned: success
      sample: redis://:***@broker.example.com:6379/1
    type:
      description: The kind of backend, V(disabled) when there is none. Null when the application does not import.
      type: str
      returned: success
      sample: redis
    reachable:
      description: Whether it answers. Null when there is none, or when that is unknown.
      type: bool
      returned: success
      sample: true
    layer:
      description:
        - As RV(broker.layer). V(none) when there is no result backend, V(unknown) when a backend of its type is not
          checked.
      type: str
      returned: success
      sample: ok
    error:
      description: What is wrong. Empty when nothing is.
      type: str
      returned: success
      sample: ""
refused:
  description: By peer, V(broker) or V(result_backend), what it refuses a worker after the login, see O(worker).
  returned: success
  type: dict
  sample:
    broker:
      - what: PSUBSCRIBE /0.celery.pidbox
        error: "NoPermissionError: this user has no permissions to access one of the channels used as arguments"
        kind: permission
    result_backend: []
  contains:
    broker:
      description:
        - What was tried, the error, and its kind. V(permission) is a right that the user has not, V(arguments) a queue that
          RabbitMQ has with other arguments, V(transient) a RabbitMQ that takes no queue which is neither durable nor
          exclusive, V(other) anything else.
      returned: when the broker could be logged in to
      type: list
      elements: dict
    result_backend:
      description: The same of a result backend on Redis.
      returned: when O(worker) is set
      type: list
      elements: dict
conf:
  description: Chosen settings of the application. Empty when it does not import.
  returned: success
  type: dict
  sample:
    beat_scheduler: celery.beat:PersistentScheduler
    broker_heartbeat: 120
    broker_transport_options: {"visibility_timeout": 7200}
    daylight_saving: false
    enable_utc: true
    result_expires: 86400.0
    task_acks_late: false
    task_create_missing_queues: true
    task_default_queue: celery
    task_ignore_result: false
    task_soft_time_limit: 180
    task_time_limit: 240
    timezone: UTC
    visibility_timeout: 7200
    worker_enable_remote_control: true
    worker_pool_restarts: false
    worker_prefetch_multiplier: 4
tasks:
  description: The names of the tasks that the application registers, without Celery's own.
  returned: success
  type: list
  elements: str
  sample: ["shop.tasks.add"]
task_limits:
  description: Of the tasks with limits of their own, the limits C(soft) and C(hard) in seconds. Null for one that it does not set.
  returned: success
  type: dict
  sample: {"shop.tasks.export": {"soft": null, "hard": 7200}}
queues:
  description:
    - The names of the queues that the application itself names, in its settings, static routes, schedule and tasks.
  returned: success
  type: list
  elements: str
  sample: ["celery", "reports"]
modules:
  description: Which of the modules in O(require) import. A module that ends the process is missing here.
  returned: success
  type: dict
  sample: {"gevent": true}
module_errors:
  description: Of the modules in O(require) that are there and do not import, the error.
  returned: success
  type: dict
  sample: {"redbeat": "ImportError: cannot import name 'StrictRedis' from 'redis.client'"}
beat_entries:
  description: How many entries the application's own schedule has. Null when it does not import.
  returned: success
  type: int
  sample: 3
beat_crontabs:
  description: How many of these entries are crontabs. Null when it does not import.
  returned: success
  type: int
  sample: 1
revision:
  description:
    - A digest of the files in O(source_dir), of the names, versions and origins (a commit, for example) of the installed
      distributions, and of the Python files elsewhere, on C(PYTHONPATH), in trees installed as editable and where the
      module of O(app) lies.
    - Files behind the first 50000, or behind the first 256 MiB, count by name and size or not at all.
  returned: success
  type: str
  sample: 6c0c1a1d6b6a4f9a4b9f3d64c1d4c0b4a5a5f5b1a3a7e2f6b4b9a1c7e0d2f3a4
app_output_tail:
  description: The last lines that the application printed, without passwords.
  returned: success
  type: str
  sample: ""
elapsed:
  description: Seconds that the look took.
  returned: success
  type: float
  sample: 0.72
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
    look,
    narrow_no_log,
    read_environment,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._common.module import Module
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import app as helper

WORKER = {
    "queues": {"type": "list", "elements": "str", "default": []},
    "remote_control": {"type": "bool", "default": True},
    "gossip": {"type": "bool", "default": False},
}


def complete(reply, outcome, app):
    """Return the result with all its keys, even those that the helper did not reach."""
    unknown = {"reachable": None, "layer": "unknown", "error": ""}
    result = {
        "app": {"imported": False, "error": "", "error_line": "", "name": app, "main": None},
        "versions": {},
        "fit": {"ok": True, "problem": "", "remedy": "", "only_client": False},
        "broker": dict(unknown, url=None, transport=None),
        "result_backend": dict(unknown, url=None, type=None),
        "refused": {},
        "conf": {},
        "tasks": [],
        "queues": [],
        "modules": {},
        "module_errors": {},
        "task_limits": {},
        "beat_entries": None,
        "beat_crontabs": None,
        "revision": "",
    }
    result.update((name, value) for name, value in reply.items() if name in result)
    if outcome.error:
        stage = reply.get("stage")
        if stage in ("broker", "result_backend"):
            result[stage].update(reachable=False, layer="protocol", error=outcome.message)
        elif stage != "require":
            error = "the application does not import: {0}".format(outcome.message)
            result["app"].update(imported=False, error=error, error_line=outcome.message)
    return dict(result, app_output_tail=outcome.tail, elapsed=round(outcome.elapsed, 2))


def main():
    """Run the module."""
    specification = connection_arguments()
    specification["app"]["required"] = True
    specification["require"] = {"type": "list", "elements": "str", "default": []}
    specification["own_environment_file"] = {"type": "path"}
    specification["source_dir"] = {"type": "path"}
    specification["worker"] = {"type": "dict", "options": WORKER}
    specification["timeout"] = {"type": "float", "default": 30}
    module = Module(specification, supports_check_mode=True)
    environment = read_environment(module)
    narrow_no_log(module, environment)
    arguments = {
        "app": module.params["app"],
        "require": module.params["require"],
        "source_dir": module.params["source_dir"],
        "worker": module.params["worker"],
        "peer_timeout": min(5.0, module.params["timeout"] / 4),
    }
    outcome = look(module, helper, arguments, environment)
    module.exit_json(changed=False, **complete(outcome.result or {}, outcome, module.params["app"]))


if __name__ == "__main__":
    main()
