#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: celery_fleet_health
short_description: Judge every worker of a fleet, and its beat and Flower
version_added: 0.1.0
author:
  - The taskfleet.celery contributors (@taskfleet)
description:
  - Asks the workers and the broker from the host, at least twice over one connection. On the controller it joins the
    answers with what M(taskfleet.celery.celery_host_info) found on the hosts, and gives each expected worker one verdict,
    with the evidence that decided it, the cause, the remedy and a page of the runbook.
  - A worker is called V(stuck) only on two samples and a signal from outside the control plane. Missing evidence never
    speaks against anybody, and is named in RV(report.nodes[].evidence).
  - Does not fail when the broker, a worker, a host or the application's interpreter does not answer. That is what the
    report is about.
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.info_module
  - taskfleet.celery._attributes.actiongroup_application
  - taskfleet.celery._connection
options:
  app:
    description:
      - The application, as C(celery -A) gets it. One of O(app) and O(broker_url) is needed.
    type: str
  broker_url:
    description:
      - The broker's URL. It wins over that of the application. Without O(app) nothing of the application is imported,
        and its result backend is not looked at.
    type: str
  name:
    description:
      - The application's name in the report.
    type: str
    default: ""
  expected:
    description:
      - The workers that must be there. A worker that answers and is not among them is reported as unexpected.
    type: list
    elements: dict
    default: []
    suboptions:
      node:
        description: The name that it answers to, for example V(w1@worker-1).
        type: str
        required: true
      host:
        description: Its host in O(host_evidence).
        type: str
        required: true
      instance:
        description: Its name in RV(taskfleet.celery.celery_host_info#module:instances).
        type: str
        required: true
      service:
        description: Its unit or program, which the judging does not read.
        type: str
      queues:
        description: The queues that it must consume.
        type: list
        elements: str
      tasks:
        description: The tasks that it must know.
        type: list
        elements: str
      concurrency:
        description: How many tasks it runs at once.
        type: int
      pool:
        description: Its pool, as C(--pool) takes it. A busy worker with V(solo) does not answer, and is well.
        type: str
      autoscale:
        description: The most and the fewest processes of its pool.
        type: list
        elements: int
      state:
        description: Whether it shall run.
        type: str
        choices: [started, stopped]
        default: started
      limits:
        description: The seconds V(soft), V(hard) and V(stop) that a task, and the end of the worker, may take. V(stop) alone where the
          application sets the limits of its tasks; V(soft_shutdown) where the worker gives them that long on QUIT.
        type: dict
      remote_control:
        description: Whether it listens to remote control.
        type: bool
        default: true
      maintenance:
        description: Whether it is drained on purpose.
        type: bool
        default: false
      rate_limits:
        description: By task the rate limit. Empty for none. Left out when not known.
        type: dict
      start_grace:
        description: Seconds that its start may take, in place of that of O(policy).
        type: int
  elsewhere:
    description:
      - Workers that are declared, and are not to be judged now. They are neither missing nor unexpected.
    type: list
    elements: str
    default: []
  beat:
    description:
      - The host of O(host_evidence) that beat is declared for.
    type: str
  flower:
    description:
      - The host of O(host_evidence) that Flower is declared for.
    type: str
  beat_schedule:
    description:
      - Of M(taskfleet.celery.celery_beat_info) on the host of O(beat), RV(taskfleet.celery.celery_beat_info#module:schedule),
        RV(taskfleet.celery.celery_beat_info#module:file) and RV(taskfleet.celery.celery_beat_info#module:taken_at).
    type: dict
    default: {}
  host_evidence:
    description:
      - By host the results of M(taskfleet.celery.celery_host_info), as they were registered, the oldest first. Two of each
        host are needed to call a worker stuck. One that could not be had because the host is unreachable will do.
    type: dict
    default: {}
  look:
    description:
      - Options of M(taskfleet.celery.celery_host_info), with which O(host) is looked at before the question is put, in place
        of O(host_evidence). O(host) is then the host of the task.
    type: dict
  registered:
    description:
      - Name of the variable that these results were registered in, on each of O(hosts). They are read on the controller, in
        place of O(host_evidence).
    type: str
  hosts:
    description:
      - The hosts whose O(registered) is read.
    type: list
    elements: str
    default: []
  host:
    description:
      - The host of O(host_evidence) that the module runs on. Its clock is then set right by what was measured there.
    type: str
    default: ""
  queues:
    description:
      - Further queues to look into. Those of O(expected) and those that the application names are looked into anyway.
        On Redis, so are all others that anybody made, unless O(elsewhere) names nodes.
    type: list
    elements: str
    default: []
  policy:
    description:
      - Patience and thresholds, by the name of the playbooks' variable without C(celery_health_), as V(stall_after) of
        C(celery_health_stall_after). What is left out has its default.
      - V(samples) and V(interval) are how often, and after how many seconds, the fleet is asked.
    type: dict
    default: {}
  earlier_problem:
    description:
      - RV(problem) of an attempt from another host, which is reported in place of the problem of this one.
    type: str
    default: ""
  evidence_file:
    description:
      - Path on the controller of a file that RV(evidence) is written to. Not in check mode.
    type: path
  given_file:
    description:
      - Path on the controller of a file that all that is judged is written to, before it is judged, so that a fault becomes a
        test of the judging. Not in check mode.
    type: path
  return_evidence:
    description:
      - Whether RV(evidence) comes back as well. It is larger than RV(report), and so is then the job event that AWX keeps.
    type: bool
    default: true
  timeout:
    description:
      - Seconds that the whole call may take, for any number of workers.
    type: float
    default: 20
seealso:
  - module: taskfleet.celery.celery_host_info
  - module: taskfleet.celery.celery_inspect_info
  - module: taskfleet.celery.celery_queue_info
"""

EXAMPLES = r"""
- name: Look at every host twice
  taskfleet.celery.celery_host_info:
    name: shop
    app: shop.celery
  register: look
  loop: [1, 2]

- name: Judge the fleet
  taskfleet.celery.celery_fleet_health:
    celery_python: /opt/shop/venv/bin/python
    app: shop.celery
    chdir: /opt/shop/src
    environment_file: /etc/shop/celery.env
    user: shop
    expected:
      - node: w1@worker-1
        host: worker-1
        instance: w1
        queues: [celery]
        pool: prefork
    host_evidence:
      worker-1: "{{ look.results }}"
  register: fleet

- name: Show what is unhealthy
  ansible.builtin.debug:
    msg: "{{ fleet.lines }}"
"""

RETURN = r"""
report:
  description:
    - The report, as C(docs/report.schema.json) has it.
  returned: success
  type: dict
  contains:
    schema_version:
      description: The version of this form.
      returned: success
      type: int
      sample: 1
    app:
      description: The application's name.
      returned: success
      type: str
      sample: shop
    taken_at:
      description: When the last sample was taken, in UTC.
      returned: success
      type: str
      sample: "2026-01-01T12:00:00Z"
    broker:
      description: What is known of the broker.
      returned: success
      type: dict
      contains:
        kind:
          description: V(redis), V(rabbitmq), or null when not known.
          returned: success
          type: str
          sample: redis
        reachable:
          description: Whether it answers. Null when it was not asked.
          returned: success
          type: bool
          sample: true
        refusing:
          description: Whether it answers and refuses, for example because its memory is full.
          returned: success
          type: bool
          sample: false
        error:
          description: What is wrong. Empty when nothing is.
          returned: success
          type: str
          sample: ""
    nodes:
      description: One for each expected worker, and for each unexpected one. The worst first.
      returned: success
      type: list
      elements: dict
      contains:
        node:
          description: The worker's name.
          returned: success
          type: str
          sample: w1@worker-1
        instance:
          description: Its name on its host.
          returned: success
          type: str
          sample: w1
        host: &host
          description: Its host.
          returned: success
          type: str
          sample: worker-1
        verdict: &verdict
          description: V(healthy), V(starting), V(stuck), V(down), V(misconfigured) or V(unknown).
          returned: success
          type: str
          sample: stuck
        reason: &reason
          description: Why, in one word. C(docs/runbooks) has a page for each.
          returned: success
          type: str
          sample: not_consuming
        activity: &activity
          description: What it does, for example V(busy), V(idle), V(stalled) or V(unknown).
          returned: success
          type: str
          sample: stalled
        since: &since
          description: Since when, in UTC. Null when not known.
          returned: success
          type: str
          sample: "2026-01-01T11:58:00Z"
        cause: &cause
          description: The cause in one sentence.
          returned: success
          type: str
          sample: Work waits in celery, its slots are free, and it takes none.
        evidence: &evidence
          description: What the verdict rests on.
          returned: success
          type: dict
          contains:
            decided_by:
              description: The evidence that decided.
              returned: success
              type: list
              elements: dict
              contains:
                source:
                  description: V(host), V(broker) or V(control).
                  returned: success
                  type: str
                  sample: broker
                item:
                  description: What was measured.
                  returned: success
                  type: str
                  sample: queues.celery.ready
                readings:
                  description: Its value in each sample.
                  returned: success
                  type: list
                  elements: raw
                  sample: [12, 14]
                samples:
                  description: How many samples say so.
                  returned: success
                  type: int
                  sample: 2
                says:
                  description: What it says.
                  returned: success
                  type: str
                  sample: work waits in celery
            missing:
              description: By name the reason why evidence could not be had.
              returned: success
              type: dict
              sample: {}
            seen:
              description: The few numbers that an operator wants beside the verdict.
              returned: success
              type: dict
              sample: {"pid": 4711, "pool": "prefork", "concurrency": 2, "active": 0, "queues": ["celery"]}
        action: &action
          description: What C(restart_idle) would do, V(restart), V(start) or V(none).
          returned: success
          type: str
          sample: restart
        remedy: &remedy
          description: What to do.
          returned: success
          type: str
          sample: Restart it.
        runbook: &runbook
          description: The page of the reason, below the collection's root.
          returned: success
          type: str
          sample: docs/runbooks/not_consuming.md
    queues:
      description: By name the queues.
      returned: success
      type: dict
      contains:
        ready:
          description: How many messages wait. Null when not known, as all numbers here.
          returned: success
          type: int
          sample: 12
        unacked:
          description: How many messages workers have taken and not acknowledged.
          returned: success
          type: int
          sample: 2
        consumers:
          description: How many consumers it has.
          returned: success
          type: int
          sample: 1
        by_priority:
          description: How many messages wait, by priority.
          returned: success
          type: dict
          sample: {"0": 12}
        oldest_age:
          description: Seconds since its oldest message was taken or sent.
          returned: success
          type: int
          sample: 35
        samples:
          description: How many messages waited, in each sample.
          returned: success
          type: list
          elements: int
          sample: [14, 12]
        trend:
          description: V(rises), V(falls), V(steady), or null.
          returned: success
          type: str
          sample: falls
        error:
          description: What the broker says instead of numbers.
          returned: success
          type: str
          sample: ""
    beat:
      description: The verdict on beat. Null where none is declared.
      returned: success
      type: dict
      contains: &service
        host: *host
        verdict: *verdict
        reason: *reason
        activity: *activity
        since: *since
        cause: *cause
        evidence: *evidence
        action: *action
        remedy: *remedy
        runbook: *runbook
    flower:
      description: The verdict on Flower. Null where none is declared.
      returned: success
      type: dict
      contains: *service
    findings:
      description: What no single worker is guilty of.
      returned: success
      type: list
      elements: dict
      contains:
        subject:
          description: What it is about, for example a queue or a host.
          returned: success
          type: str
          sample: celery
        reason: *reason
        severity:
          description: Whether a person has to act at once, V(error) or V(warning).
          returned: success
          type: str
          sample: warning
        cause: *cause
        evidence:
          description: The numbers.
          returned: success
          type: dict
          sample: {"ready": 1200}
        remedy: *remedy
        runbook: *runbook
    summary:
      description: How many workers have each verdict, and C(nodes) and C(findings) in all.
      returned: success
      type: dict
      sample: {"healthy": 2, "starting": 0, "stuck": 1, "down": 0, "misconfigured": 0, "unknown": 0, "nodes": 3, "findings": 0}
    failed:
      description:
        - What makes a run fail, by name, for C(fail_on) of O(policy) has its verdict, reason or severity.
        - Workers by their nodes, C(beat), C(flower), C(broker), and findings by reason and subject.
      returned: success
      type: list
      elements: str
      sample: ["w1@worker-1"]
    to_do:
      description: What a person has to do, in one sentence.
      returned: success
      type: str
      sample: "To do: run restart_idle, which restarts w1@worker-1."
lines:
  description: For the terminal, a line for each unhealthy worker, a summary, and what to do as the last.
  returned: success
  type: list
  elements: str
  sample: ["shop: 3 healthy; broker answers", "Nothing to do."]
failure:
  description: Why a playbook has to fail, with what to do in one sentence, or an empty text.
  returned: success
  type: str
  sample: ""
evidence:
  description: The evidence, in the form of C(docs/evidence.md).
  returned: when O(return_evidence) is V(true)
  type: dict
  sample: {}
asked:
  description: Whether the workers and the broker could be asked from this host.
  returned: success
  type: bool
  sample: true
problem:
  description: Why not, or an empty text.
  returned: success
  type: str
  sample: ""
unverified:
  description: A sentence for each of O(expected) that does not work as it was declared, as after a deployment.
  returned: success
  type: list
  elements: str
  sample: []
work:
  description: By worker what acting needs of the evidence.
  returned: success
  type: dict
  sample: {"w1@worker-1": {"at_work": false, "worked": [4711]}}
visibility_timeout:
  description: The C(visibility_timeout) of Redis, in seconds. Null where it is not known.
  returned: success
  type: float
  sample: 3600
app_output_tail:
  description: The last lines that the application printed, without passwords.
  returned: success
  type: str
  sample: ""
elapsed:
  description: Seconds that the workers and the broker took.
  returned: success
  type: float
  sample: 6.1
"""

import gc

from ansible_collections.taskfleet.celery.plugins.module_utils._common.args import (
    deadline,
    environment_of,
    narrow_no_log,
    try_to_look,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._common.module import Module
from ansible_collections.taskfleet.celery.plugins.module_utils._common.replies import commands
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.policy import policy
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app import fleet
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.examine import METHODS, ONCE
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.fleet_health import arguments, declared


def question(params):
    """Return what the helper is to ask, from the arguments of the module."""
    nodes, patience = declared(params)["nodes"], policy(params["policy"])
    return {
        "app": params["app"],
        "broker_url": params["broker_url"],
        "commands": commands(METHODS, []),
        "once": ONCE,
        "awaited": [node["node"] for node in nodes if node["state"] != "stopped"],
        "queues": [*params["queues"], *(name for node in nodes for name in node.get("queues", ()))],
        # With a part of the fleet, the queues of the others would be nobody's.
        "search": not params["elsewhere"],
        "samples": patience["samples"],
        "interval": patience["interval"],
        # Who has not answered while all others did, and for so long, will not.
        "hush": max(patience["interval"], 2.0),
        "deadline": deadline(params),
    }


def main():
    """Ask the workers and the broker. The action judges what comes of it."""
    # It ends soon, and keeps most of what it makes: the collector would walk through a thousand nodes again and again.
    gc.disable()
    module = Module(arguments(), required_one_of=[("app", "broker_url")], supports_check_mode=True)
    params = module.params
    environment, problem = environment_of(params)
    narrow_no_log(module, environment, params["broker_url"])
    reply, tail, elapsed = {}, "", 0.0
    if not problem:
        outcome = try_to_look(module, fleet, question(params), environment)
        reply, tail, elapsed = outcome.result or {}, outcome.tail, outcome.elapsed
        problem = reply.get("problem") or outcome.message
    # The inventory has the rest.
    params["expected"] = []
    module.exit_json(changed=False, reply=reply, problem=problem, app_output_tail=tail, elapsed=round(elapsed, 2))


if __name__ == "__main__":
    main()
