#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: celery_beat_info
short_description: Report what beat is to send, and what it sent last
version_added: 0.1.0
author:
  - The taskfleet.celery contributors (@taskfleet)
description:
  - Reports how many beats run on the host, which scheduler the application has, and of every entry of the schedule when
    it ran last, how often, and when it is due.
  - Reads a copy of the schedule file, so that a beat that runs is not disturbed. A file that is damaged or cannot be
    read is reported.
  - Does not fail when the schedule cannot be read or the application does not import, but says so. It fails when the
    interpreter cannot be started.
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.info_module
  - taskfleet.celery._attributes.actiongroup_application
  - taskfleet.celery._connection
options:
  app:
    description:
      - The application, as C(celery -A) gets it.
      - Without it, the schedule file is read with Celery's defaults, all beats of the host count, and nothing is known
        of what the application itself schedules. Schedulers other than Celery's own need it.
    type: str
  schedule_file:
    description:
      - The file in which Celery's own scheduler keeps its state, without the endings that a dbm adds.
    type: path
  own_environment_file:
    description:
      - A file like O(environment_file) that beat has besides. Its variables win over those of O(environment_file).
    type: path
    version_added: 0.1.0
  scheduler:
    description:
      - The scheduler, as a dotted path. The default is the application's setting C(beat_scheduler).
      - The state of C(redbeat) and of C(django_celery_beat) is read from where they keep it. Of any other scheduler
        only O(schedule_file) is read.
    type: str
  timeout:
    description:
      - Seconds that the whole call may take.
    type: float
    default: 20
notes:
  - Where Python's dbm is C(ndbm), as on Debian without C(python3-gdbm), nothing is on the disk before beat ends. That
    the file is old says nothing about beat then.
  - Celery's own scheduler writes its file every three minutes, or as C(beat_sync_every) says, and when it ends. What
    the file says of the last runs is at most that old, and a beat that was just started has put no entries into it.
seealso:
  - module: taskfleet.celery.celery_host_info
"""

EXAMPLES = r"""
- name: Look at beat
  taskfleet.celery.celery_beat_info:
    celery_python: /opt/shop/venv/bin/python
    app: shop.celery
    chdir: /opt/shop/src
    environment_file: /etc/shop/celery.env
    user: shop
    schedule_file: /var/lib/shop/celerybeat-schedule
  register: beat

- name: Name the entries that are later than the file is old at most
  ansible.builtin.debug:
    msg: "{{ beat.schedule.entries | selectattr('enabled') | rejectattr('due_in', 'none') | selectattr('due_in', 'lt', -240) }}"

- name: Refuse a damaged schedule
  ansible.builtin.assert:
    that: beat.schedule.readable
    fail_msg: "{{ beat.schedule.error }}"
"""

RETURN = r"""
beats:
  description:
    - The processes of the host that send periodic tasks. Beats, and workers with an embedded beat. With O(app), those of
      this application.
  returned: success
  type: list
  elements: dict
  contains:
    pid:
      description: Number of the process.
      returned: always
      type: int
      sample: 4711
    ppid:
      description: Number of its parent.
      returned: always
      type: int
      sample: 1
    kind:
      description: V(worker), V(beat) or V(flower).
      returned: always
      type: str
      sample: worker
    role:
      description: V(child) if another Celery process started it, else V(main).
      returned: always
      type: str
      sample: main
    app:
      description: The application, as C(celery -A) got it, or an empty text where the process does not say.
      returned: always
      type: str
      sample: shop.celery
    node:
      description: Name of the node. Empty for beat and Flower.
      returned: always
      type: str
      sample: w1@web1
    user:
      description: Name of the user that the process runs as.
      returned: always
      type: str
      sample: shop
    cmdline:
      description: The command line, without passwords, cut after 300 characters.
      returned: always
      type: str
      sample: /opt/shop/venv/bin/celery -A shop.celery worker --hostname=w1@web1
    embedded_beat:
      description: Is this a worker that runs a beat inside (C(-B))?
      returned: always
      type: bool
      sample: false
    service:
      description: Name of the service of this collection that the process belongs to, or an empty text.
      returned: always
      type: str
      sample: shop-worker@w1.service
    environment_readable:
      description: Could the environment be read, so that RV(beats[].service) is certain?
      returned: always
      type: bool
      sample: true
    started_at:
      description: When the process was started, in UTC.
      returned: always
      type: str
      sample: "2026-01-01T12:00:00Z"
count:
  description: How many these are. More than 1 on all hosts together send every task more than once.
  returned: success
  type: int
  sample: 1
scheduler:
  description: The scheduler's class. Null when it is not known.
  returned: success
  type: str
  sample: celery.beat:PersistentScheduler
schedule:
  description: The scheduler's state.
  returned: success
  type: dict
  contains:
    source:
      description: Where it is kept, V(file), V(redbeat) or V(django). Null when there is nothing to read.
      returned: success
      type: str
      sample: file
    readable:
      description: Whether it could be read. Null when it was not tried.
      returned: success
      type: bool
      sample: true
    error:
      description: Why it could not be read. Empty when it could.
      returned: success
      type: str
      sample: ""
    written_by:
      description: The release of Celery that wrote the file. Null when none has yet, and for other sources.
      returned: success
      type: str
      sample: 5.7.0
    lock:
      description: The lock of C(redbeat), of which one beat has to be the holder. Null for other sources.
      returned: success
      type: dict
      contains:
        held:
          description: Whether a beat holds it.
          returned: success
          type: bool
          sample: true
        seconds_left:
          description: Seconds until it is given up unless its holder renews it. Null when there is no such limit.
          returned: success
          type: float
          sample: 1498.2
    entries:
      description: The entries, by name, without the tasks' arguments.
      returned: success
      type: list
      elements: dict
      contains:
        name:
          description: The entry's name.
          returned: success
          type: str
          sample: nightly
        task:
          description: The task's name.
          returned: success
          type: str
          sample: shop.tasks.report
        schedule:
          description: When it runs, in words.
          returned: success
          type: str
          sample: every 30 s
        enabled:
          description: Whether it is on.
          returned: success
          type: bool
          sample: true
        queue:
          description: The queue that it names itself, or null.
          returned: success
          type: str
          sample: null
        last_run_at:
          description: When it was sent last, in ISO 8601. An entry that is new counts from when it was made.
          returned: success
          type: str
          sample: "2026-01-01T12:00:00+00:00"
        total_run_count:
          description: How often it was sent.
          returned: success
          type: int
          sample: 12
        last_run_ahead:
          description:
            - Seconds by which its last run lies in the future, below 0 for the past. Beat does not send it before. Null where it
              has not run, and where the time has no zone.
          returned: success
          type: float
          sample: -17.5
        due_in:
          description:
            - Seconds until it is due after the last run that is known, below 0 when that is over. Beat can have sent it
              since it wrote its file. Null where that is unknown, where an entry has not begun or has ended, and where beat
              leaves out what is too late (C(beat_cron_starting_deadline)).
          returned: success
          type: float
          sample: 12.5
file:
  description: The schedule file. Null without O(schedule_file).
  returned: success
  type: dict
  contains:
    path:
      description: The O(schedule_file).
      returned: success
      type: str
      sample: /var/lib/shop/celerybeat-schedule
    error:
      description: Why its directory cannot be looked into. Empty when it can.
      returned: success
      type: str
      sample: ""
    parts:
      description: The files that it consists of.
      returned: success
      type: list
      elements: dict
      contains:
        path:
          description: Path of the file.
          returned: success
          type: str
          sample: /var/lib/shop/celerybeat-schedule.db
        owner:
          description: Its owner.
          returned: success
          type: str
          sample: shop
        group:
          description: Its group.
          returned: success
          type: str
          sample: shop
        mode:
          description: Its mode.
          returned: success
          type: str
          sample: "0640"
        size:
          description: Bytes in it.
          returned: success
          type: int
          sample: 16384
        modified_at:
          description: When it was written last, in seconds since the epoch.
          returned: success
          type: float
          sample: 1789000000.5
configured:
  description: The entries of the application's own setting C(beat_schedule). Null when they are not known.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The entry's name.
      returned: success
      type: str
      sample: nightly
    task:
      description: The task's name.
      returned: success
      type: str
      sample: shop.tasks.report
    schedule:
      description: When it runs, in words.
      returned: success
      type: str
      sample: every 30 s
    queue:
      description: The queue that it names itself, or null.
      returned: success
      type: str
      sample: null
taken_at:
  description: When this was looked at, by the host's clock, in seconds since the epoch.
  returned: success
  type: float
  sample: 1789000000.5
probe:
  description: Whether the question itself could be put.
  returned: success
  type: dict
  contains:
    ok:
      description: Whether it could. When not, what is not known says nothing about beat.
      returned: success
      type: bool
      sample: true
    error:
      description: What is wrong, for example that the application does not import. Empty when nothing is.
      returned: success
      type: str
      sample: ""
app_output_tail:
  description: The last lines that the application printed, without passwords.
  returned: success
  type: str
  sample: ""
elapsed:
  description: Seconds that the look took.
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

import time

from ansible_collections.taskfleet.celery.plugins.module_utils._common.args import (
    connection_arguments,
    look,
    narrow_no_log,
    read_environment,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._common.module import Module
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import beat
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.schedule_file import file_of
from ansible_collections.taskfleet.celery.plugins.module_utils._observe.processes import beats, scan


def complete(outcome):
    """Return the result with all its keys, even those that the helper did not reach."""
    reply = outcome.result or {}
    schedule = {"source": None, "readable": None, "error": "", "written_by": None, "lock": None, "entries": []}
    schedule.update(reply.get("schedule", {}))
    if outcome.error and reply.get("stage") == "schedule":
        # A damaged dbm can take the process that reads it down.
        schedule.update(readable=False, error=outcome.message)
    problem = reply.get("problem") or outcome.message
    return {
        "scheduler": reply.get("scheduler"),
        "configured": reply.get("configured"),
        "schedule": schedule,
        "probe": {"ok": not problem, "error": problem},
        "app_output_tail": outcome.tail,
        "elapsed": round(outcome.elapsed, 2),
    }


def main():
    """Run the module."""
    specification = connection_arguments()
    specification.update(
        own_environment_file={"type": "path"},
        schedule_file={"type": "path"},
        scheduler={"type": "str"},
        timeout={"type": "float", "default": 20},
    )
    module = Module(specification, supports_check_mode=True)
    params = module.params
    environment = read_environment(module)
    narrow_no_log(module, environment)
    arguments = {name: params[name] for name in ("app", "schedule_file", "scheduler")}
    outcome = look(module, beat, arguments, environment)
    found = beats(scan(command=params["celery_command"], app=params["app"]), params["app"])
    module.exit_json(
        changed=False,
        beats=found,
        count=len(found),
        file=file_of(params["schedule_file"]),
        taken_at=time.time(),
        **complete(outcome),
    )


if __name__ == "__main__":
    main()
