#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: celery_host_info
short_description: Gather evidence on the Celery services and processes of a host
version_added: 0.1.0
author: taskfleet maintainers (@taskfleet)
description:
  - With O(name), tells of every worker, beat and Flower that the roles deployed what the service manager, the kernel
    and the log say. One task serves all services of a host, with one wait for all samples.
  - Always finds the processes of workers, beat and Flower in C(/proc), whatever started them, and names the strays,
    the processes of an application that no declared service owns. A second beat, or a worker with an embedded beat,
    sends every periodic task once more.
  - States facts and judges nothing. What cannot be had, for want of permission, of a program or of time, is V(null),
    with the reason under C(missing). That says nothing about the service.
  - Processes inside containers on the host are left out. A process whose environment cannot be read is never
    called a stray.
  - Passwords are taken out of command lines, logs and reasons.
  - Needs nothing but Python on the host. Without root, evidence on processes of other users is missing.
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.actiongroup_services
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Nothing is changed, so there is no difference to show.
  idempotent:
    support: full
options:
  name:
    description:
      - The application's name, the prefix of its services (C(celery_app_name) of the roles).
      - Without it, only RV(processes), RV(strays) and RV(clock) are returned, and nothing waits.
    type: str
  app:
    description:
      - The application whose strays are named, as C(celery -A) gets it.
      - Without it, a process that this collection did not start is no stray.
    type: str
    default: ""
  celery_command:
    description:
      - What starts Celery where the application has a command of its own for that, like C(nautobot-server celery). By it, too, its
        processes are known.
    type: list
    elements: str
    default: []
  kinds:
    description:
      - The kinds of processes in RV(processes) and RV(strays).
      - With V(beat), a worker with an embedded beat can be a stray, too.
    type: list
    elements: str
    choices: [worker, beat, flower]
    default: [worker, beat, flower]
  instances:
    description:
      - Names of the workers that are expected here. One that is not there is reported as missing.
      - Those whose service files the roles wrote are found without it.
    type: list
    elements: str
    default: []
  manager:
    description:
      - The service manager to ask. With V(none), as in a container, the processes themselves say what they are.
    type: str
    choices: [systemd, supervisor, none]
    default: systemd
  supervisor_directory:
    description: Directory of supervisor's program files.
    type: path
    default: /etc/supervisor/conf.d
  supervisor_socket:
    description: Path of supervisord's XML-RPC socket.
    type: path
    default: /var/run/supervisor.sock
  config_dir:
    description:
      - Directory of the environment files. They are read for a service that does not run, or whose environment cannot
        be read.
    type: path
  log_dir:
    description:
      - Directory of the log files, for services of which the service manager does not know the file.
    type: path
  broker_url:
    description:
      - The broker's URL, for RV(instances.sockets). The default is E(CELERY_BROKER_URL) of the service.
    type: str
  flower_url:
    description:
      - Where Flower answers, with its prefix. Its health check is then asked, which needs no password.
    type: str
  heartbeat:
    description:
      - Path of the file that a worker's sentinel writes, in which C({instance}) stands for the worker's name.
      - The default is E(TASKFLEET_HEARTBEAT) of the service.
    type: str
  directories:
    description: Directories whose free space is reported, as that of the logs and of the state.
    type: list
    elements: path
    default: []
  log_lines:
    description: How many of the last lines of each log are returned at most.
    type: int
    default: 20
  log_bytes:
    description: How many of the last bytes of each log are read at most.
    type: int
    default: 16384
  sample:
    description: Seconds between the two looks at the processes.
    type: float
    default: 1
  samples:
    description:
      - Takes several samples in one call, each with so many seconds between the two looks at the processes, and returns
        them as RV(samples) in place of all other values.
    type: list
    elements: float
    default: []
  timeout:
    description:
      - Seconds that one sample may take. No single part gets more than a quarter.
    type: float
    default: 20
seealso:
  - module: taskfleet.celery.celery_inspect_info
  - module: taskfleet.celery.celery_preflight
"""

EXAMPLES = r"""
- name: Gather the evidence on an application's services
  taskfleet.celery.celery_host_info:
    name: shop
    app: shop.celery
    instances: [w1, w2]
    config_dir: /etc/shop
    directories: [/var/log/shop, /var/lib/shop]
  register: host

- name: Say which workers do not run
  ansible.builtin.debug:
    msg: "{{ host.instances | dict2items | rejectattr('value.service.state', 'equalto', 'active') | map(attribute='key') }}"

- name: Look for a second beat
  taskfleet.celery.celery_host_info:
    app: shop.celery
    kinds: [beat]
  register: beats

- name: Refuse to start beat beside it
  taskfleet.celery.celery_preflight:
    checks:
      beat:
        app: shop
        hosts: ["{{ inventory_hostname }}"]
        schedule_file: /var/lib/shop/celerybeat-schedule
        strays: "{{ beats.strays }}"
"""

RETURN = r"""
instances:
  description:
    - By name the workers that are deployed or expected. Empty without O(name).
  returned: always
  type: dict
  contains: &evidence
    kind:
      description: V(worker), V(beat) or V(flower).
      returned: success
      type: str
      sample: worker
    instance:
      description: Name of the worker. Empty for beat and Flower.
      returned: success
      type: str
      sample: w1
    service:
      description: What the service manager says. Null where it could not be asked.
      returned: success
      type: dict
      contains:
        name:
          description: Name of the unit without C(.service), or of the program.
          returned: success
          type: str
          sample: shop-worker@w1
        manager:
          description: V(systemd) or V(supervisor).
          returned: success
          type: str
          sample: systemd
        known:
          description: Does the service manager know it?
          returned: success
          type: bool
          sample: true
        enabled:
          description: Is it started at boot?
          returned: success
          type: bool
          sample: true
        state:
          description: The state in the words of systemd, as V(active), V(activating), V(deactivating), V(inactive), V(failed).
          returned: success
          type: str
          sample: active
        substate:
          description: The service manager's own word, as V(running), V(auto-restart), V(backoff) or V(fatal).
          returned: success
          type: str
          sample: running
        result:
          description: Why it is not active, as V(exit-code), V(oom-kill), V(watchdog), or supervisor's error at the start.
          returned: success
          type: str
          sample: success
        restarts:
          description: How often systemd restarted it on its own. Null with supervisor, which does not count.
          returned: success
          type: int
          sample: 0
        since:
          description: When it came into its state, in UTC. Null when it never left it.
          returned: success
          type: str
          sample: "2026-01-01T12:00:00Z"
        since_seconds:
          description: How many seconds ago that was.
          returned: success
          type: float
          sample: 3600.5
        main_pid:
          description: Pid of its main process, 0 when there is none.
          returned: success
          type: int
          sample: 4711
        exit_code:
          description: Exit code of the last main process that ended itself. Null when none did.
          returned: success
          type: int
          sample: 1
        exit_signal:
          description: Number of the signal that ended the last main process. Null when none did, and with supervisor.
          returned: success
          type: int
          sample: 9
        memory_limit_bytes:
          description: Bytes that the service may use (systemd's C(MemoryMax)). Null without a limit, and with supervisor.
          returned: success
          type: int
          sample: 2147483648
        status_text:
          description: What the service says of itself.
          returned: success
          type: str
          sample: ready, 2/4 busy
    processes:
      description: The main process and all that it started, by pid, as they were at the second look.
      returned: success
      type: list
      elements: dict
      contains:
        pid:
          description: Number of the process.
          returned: success
          type: int
          sample: 4711
        ppid:
          description: Number of its parent.
          returned: success
          type: int
          sample: 1
        role:
          description: V(main), V(child) for a process of the pool, or V(other) for what tasks and libraries start.
          returned: success
          type: str
          sample: child
        name:
          description: The kernel's name of the process.
          returned: success
          type: str
          sample: celery
        state:
          description: The kernel's letter, as R running, S sleeping, D waiting for a device, T stopped, Z ended.
          returned: success
          type: str
          sample: S
        age:
          description: Seconds since it was started.
          returned: success
          type: float
          sample: 3600.5
        cpu_seconds:
          description: Seconds of CPU that all its threads took between the looks. The kernel counts in hundredths.
          returned: success
          type: float
          sample: 0.02
        cpu_total:
          description: Seconds of CPU that it took since its start.
          returned: success
          type: float
          sample: 12.5
        switches:
          description:
            - How often its main thread was switched between the looks. 0 of a process that did not wake up once, which
              shows more than C(cpu_seconds).
          returned: success
          type: int
          sample: 4
        threads:
          description: How many threads it has.
          returned: success
          type: int
          sample: 1
        wchan:
          description: The kernel's function that its main thread waits in. Null where the kernel does not say.
          returned: success
          type: str
          sample: ep_poll
        rss_bytes:
          description: Bytes of memory that it has in use.
          returned: success
          type: int
          sample: 52428800
        new:
          description: Was it started between the looks? The numbers are then those since its start.
          returned: success
          type: bool
          sample: false
    ended:
      description: Pids of the processes that ended between the looks.
      returned: success
      type: list
      elements: int
      sample: []
    sample_seconds:
      description: Seconds between the looks.
      returned: success
      type: float
      sample: 1.004
    memory:
      description:
        - The memory of its control group. Programs of supervisor share that of supervisord.
      returned: success
      type: dict
      contains:
        version:
          description: Version of the kernel's control groups, 1 or 2.
          returned: success
          type: int
          sample: 2
        path:
          description: The control group.
          returned: success
          type: str
          sample: /system.slice/system-shop.slice/shop-worker@w1.service
        current_bytes:
          description: Bytes in use.
          returned: success
          type: int
          sample: 104857600
        limit_bytes:
          description: The limit (C(MemoryMax)). Null when there is none.
          returned: success
          type: int
          sample: 536870912
        high_bytes:
          description: The limit from which on it is slowed down (C(MemoryHigh)). Null when there is none.
          returned: success
          type: int
          sample: 402653184
        events:
          description: How often a limit was met since the group was made. Null what the version does not count.
          returned: success
          type: dict
          contains:
            high:
              description: How often it was slowed down.
              returned: success
              type: int
              sample: 0
            max:
              description: How often it was about to pass the limit.
              returned: success
              type: int
              sample: 0
            oom:
              description: How often no memory could be freed.
              returned: success
              type: int
              sample: 0
            oom_kill:
              description: How many processes the kernel killed for it.
              returned: success
              type: int
              sample: 0
    sockets:
      description:
        - The TCP connections of its processes, those to the broker first, at most 100.
      returned: success
      type: list
      elements: dict
      contains:
        to:
          description:
            - V(broker), V(other), or V(broker_port) for the broker's port at an address that its name does not have now.
          returned: success
          type: str
          sample: broker
        local:
          description: Address and port of this end.
          returned: success
          type: str
          sample: 10.0.0.5:43210
        remote:
          description: Address and port of the other end.
          returned: success
          type: str
          sample: 10.0.0.9:6379
        state:
          description: The state of TCP.
          returned: success
          type: str
          sample: ESTABLISHED
        send_queue:
          description: Bytes that the other end has not acknowledged.
          returned: success
          type: int
          sample: 0
        receive_queue:
          description: Bytes that the process has not read.
          returned: success
          type: int
          sample: 0
        timer:
          description: The kernel's timer, as V(retransmit), V(keepalive) or V(probe). Null when none runs.
          returned: success
          type: str
          sample: keepalive
        retransmits:
          description: How often the last data was sent again without an answer.
          returned: success
          type: int
          sample: 0
        pids:
          description: The processes that have it open.
          returned: success
          type: list
          elements: int
          sample: [4711]
    sockets_total:
      description: How many TCP connections there are.
      returned: success
      type: int
      sample: 7
    log:
      description: The end of its log.
      returned: success
      type: dict
      contains:
        source:
          description: Path of the file, or V(journal).
          returned: success
          type: str
          sample: journal
        modified_at:
          description: When the file was written last, in seconds since the epoch. Null with the journal.
          returned: success
          type: float
          sample: 1789000000.5
        size:
          description: Bytes in the file. Null with the journal.
          returned: success
          type: int
          sample: 4096
        lines:
          description: The last lines, without passwords.
          returned: success
          type: list
          elements: str
          sample: ["2026-01-01T12:00:00+00:00 host shop-worker@w1[4711]: ready."]
    heartbeat:
      description: What the worker's sentinel wrote last. Null where there is none.
      returned: success
      type: dict
      sample: {"schema": 1, "node": "w1@worker-1", "state": "ready", "written_at": 1789000000.5}
    page:
      description: Whether the page of Flower answered, whatever it said. Null for others, and without O(flower_url).
      returned: success
      type: dict
      contains:
        ok:
          description: Whether there was an HTTP answer.
          returned: always
          type: bool
          sample: true
        error:
          description: Why there was none.
          returned: always
          type: str
          sample: ""
    missing:
      description:
        - What could not be had, and why, by the name of the key. C(broker_address) is missing when it is not known
          which of the connections lead to the broker.
      returned: success
      type: dict
      sample: {"heartbeat": "no heartbeat is declared"}
beat:
  description: The evidence on beat, null where it is not deployed.
  returned: always
  type: dict
  contains: *evidence
flower:
  description: The evidence on Flower, null where it is not deployed.
  returned: always
  type: dict
  contains: *evidence
disks:
  description: The file systems of O(directories).
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: The directory.
      returned: success
      type: str
      sample: /var/log/shop
    free_bytes:
      description: Bytes that who is not root can still write.
      returned: success
      type: int
      sample: 1073741824
    total_bytes:
      description: Bytes of the file system.
      returned: success
      type: int
      sample: 10737418240
    free_inodes:
      description: Files that can still be made. Null where the file system does not count them.
      returned: success
      type: int
      sample: 100000
    total_inodes:
      description: Files that the file system can hold.
      returned: success
      type: int
      sample: 200000
clock:
  description: The clock of the host, against that of the controller.
  returned: always
  type: dict
  contains:
    began_at:
      description: The host's clock when the look began, in seconds since the epoch.
      returned: success
      type: float
      sample: 1789000000.5
    ended_at:
      description: The host's clock when the look ended.
      returned: success
      type: float
      sample: 1789000001.6
    offset:
      description:
        - Seconds that the host's clock is ahead of the controller's, below 0 if it is behind. The true offset differs
          by no more than RV(clock.uncertainty). Null when the task runs in the background.
      returned: success
      type: float
      sample: 0.02
    uncertainty:
      description: Half of the time that the task took on its way to the host and back, in seconds.
      returned: success
      type: float
      sample: 0.2
missing:
  description: What could not be had of the host as a whole, and why.
  returned: always
  type: dict
  sample: {"states": "systemd does not run here"}
processes:
  description: The Celery processes of the host, by pid.
  returned: always
  type: list
  elements: dict
  contains: &process
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
      description: Could the environment be read, so that RV(processes[].service) is certain?
      returned: always
      type: bool
      sample: true
    started_at:
      description: When the process was started, in UTC.
      returned: always
      type: str
      sample: "2026-01-01T12:00:00Z"
samples:
  description: The samples, the oldest first. Each has the other values that are documented here.
  returned: with O(samples)
  type: list
  elements: dict
  sample: []
strays:
  description:
    - The main processes that no declared service owns. Those of O(app) that this collection did not start and, with
      O(name), those of a service's earlier run or of a service that is not declared any more.
  returned: always
  type: list
  elements: dict
  contains:
    <<: *process
    reason:
      description: Why it is a stray.
      returned: always
      type: str
      sample: not started by this collection
"""

import time

from ansible_collections.taskfleet.celery.plugins.module_utils._common.module import Module
from ansible_collections.taskfleet.celery.plugins.module_utils._observe import host
from ansible_collections.taskfleet.celery.plugins.module_utils._observe.processes import KINDS, scan
from ansible_collections.taskfleet.celery.plugins.module_utils._service.managers import ARGUMENTS as MANAGER_ARGUMENTS
from ansible_collections.taskfleet.celery.plugins.module_utils._service.managers import manager_named


def manager_of(params):
    """Return the service manager, or None."""
    return None if params["manager"] == "none" else manager_named(params["manager"], params)


def sample(params, seconds):
    """Return one look at the host, whose two readings are so many seconds apart."""
    began_at = time.time()
    request = host.Request(dict(params, sample=seconds), manager_of(params))
    missing = {}
    known = {"command": params["celery_command"], "app": params["app"]}
    processes = request.part(missing, "processes", lambda: scan(**known))
    if processes is None:
        raise OSError(missing["processes"])
    evidence = host.gather(request, processes)
    return dict(
        evidence,
        processes=[process for process in processes if process["kind"] in params["kinds"]],
        clock={"began_at": began_at, "ended_at": time.time(), "offset": None, "uncertainty": None},
    )


def main() -> None:
    """Look at the host."""
    module = Module(
        argument_spec={
            "name": {"type": "str"},
            "app": {"type": "str", "default": ""},
            "celery_command": {"type": "list", "elements": "str", "default": []},
            "kinds": {"type": "list", "elements": "str", "choices": list(KINDS), "default": list(KINDS)},
            "instances": {"type": "list", "elements": "str", "default": []},
            "manager": {"type": "str", "choices": ["systemd", "supervisor", "none"], "default": "systemd"},
            **MANAGER_ARGUMENTS,
            "config_dir": {"type": "path"},
            "log_dir": {"type": "path"},
            "broker_url": {"type": "str", "no_log": True},
            "flower_url": {"type": "str"},
            "heartbeat": {"type": "str"},
            "directories": {"type": "list", "elements": "path", "default": []},
            "log_lines": {"type": "int", "default": 20},
            "log_bytes": {"type": "int", "default": 16384},
            "sample": {"type": "float", "default": 1},
            "samples": {"type": "list", "elements": "float", "default": []},
            "timeout": {"type": "float", "default": 20},
        },
        supports_check_mode=True,
    )
    try:
        if module.params["samples"]:
            module.exit_json(changed=False, samples=[sample(module.params, each) for each in module.params["samples"]])
        module.exit_json(changed=False, **sample(module.params, module.params["sample"]))
    except OSError as error:
        module.fail_json(msg="the processes of the host cannot be read: {0}".format(error))


if __name__ == "__main__":
    main()
