# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of reasons: which verdict each stands for, what is done, and what is advised. Private to the collection."""

from __future__ import annotations

HEALTHY, STARTING, STUCK = "healthy", "starting", "stuck"
DOWN, MISCONFIGURED, UNKNOWN = "down", "misconfigured", "unknown"

# The worst first, as reports show them.
VERDICTS = (STUCK, DOWN, MISCONFIGURED, UNKNOWN, STARTING, HEALTHY)

RESTART, START, NONE = "restart", "start", "none"
# Start it if the proof on its host passes: it imports, and reaches broker and result backend.
START_IF_PROVEN = "start_if_proven"

_FIX_AND_START = (
    "Read the last lines of its log and fix the cause. Then restart_idle starts a worker, and deploy any service."
)

# By reason: verdict, action of restart_idle, remedy.
REASONS = {
    "busy": (HEALTHY, NONE, ""),
    "idle": (HEALTHY, NONE, ""),
    "saturated": (HEALTHY, NONE, "Add workers or concurrency if the queue does not fall."),
    "starting": (STARTING, NONE, "Wait for the end of its start grace."),
    "draining": (
        STARTING,
        NONE,
        "Wait until it has ended its tasks. The service manager ends it after its stop timeout.",
    ),
    "hung_in_startup": (
        STUCK,
        RESTART,
        "Restart it. Keep --without-mingle and --without-gossip. Look whether the disk is full.",
    ),
    "loop_stalled": (STUCK, RESTART, "Save the stacks of its threads, then restart it."),
    "not_consuming": (
        STUCK,
        RESTART,
        "Restart it. Give the transport socket_keepalive, socket_timeout and health checks.",
    ),
    "pool_dead": (STUCK, RESTART, "Restart it. The tasks that the dead processes hold may be lost."),
    "connection_lost": (
        STUCK,
        RESTART,
        "Restart it. Give the transport socket_keepalive, socket_timeout and health_check_interval.",
    ),
    "not_running": (DOWN, START, "Start the service."),
    "crash_looping": (DOWN, START_IF_PROVEN, _FIX_AND_START),
    "start_failed": (DOWN, START_IF_PROVEN, _FIX_AND_START),
    "wrong_queues": (
        MISCONFIGURED,
        NONE,
        "Add or cancel consumers with remote control until they are those declared, or restart it when it is idle.",
    ),
    "missing_tasks": (
        MISCONFIGURED,
        NONE,
        "Deploy the code that has these tasks, then restart the workers one by one.",
    ),
    "clock_drift": (MISCONFIGURED, NONE, "Synchronise the clock of the host. Do not restart workers for it."),
    "duplicate_name": (MISCONFIGURED, NONE, "Find the second process of this name, and stop or rename it."),
    "result_backend_unreachable": (MISCONFIGURED, NONE, "Fix the result backend, or the way to it."),
    "unexpected_node": (MISCONFIGURED, NONE, "Declare it in the inventory, or stop it where it runs."),
    "pool_respawning": (
        MISCONFIGURED,
        NONE,
        "Fix what a pool process does at its birth, or raise worker_proc_alive_timeout. A restart does not help.",
    ),
    "prefetch_full": (
        MISCONFIGURED,
        NONE,
        "Move tasks with a far ETA to a queue of their own, or limit them with worker_eta_task_limit.",
    ),
    "task_overrun": (MISCONFIGURED, NONE, "Look at what the task waits for. Revoke it with terminate if it must end."),
    "control_unreachable": (MISCONFIGURED, NONE, "Do not restart it. Look at the control exchange and the reply key."),
    "broker_unreachable": (UNKNOWN, NONE, "Fix the broker, or the way to it. Do not restart workers."),
    "broker_refusing": (
        UNKNOWN,
        NONE,
        "Free the broker's memory or disk, or make it writable. Do not restart workers.",
    ),
    "host_unreachable": (UNKNOWN, NONE, "Make the host reachable for Ansible, and look again."),
    "insufficient_evidence": (UNKNOWN, NONE, "Supply what is missing, or send a canary task."),
    "probe_failed": (UNKNOWN, NONE, "Fix the probe; it says nothing about the worker."),
}

# Whether a person has to act at once.
ERROR, WARNING = "error", "warning"
SEVERITIES = (ERROR, WARNING)

# What no single node is guilty of: severity, remedy.
FINDINGS = {
    "uncovered_queue": (ERROR, "Declare the queue at a worker, or send the tasks to another one."),
    "queue_backlog": (WARNING, "Add workers or concurrency, or find out why the tasks have become slow."),
    "failures": (WARNING, "Read the tracebacks of the failed tasks."),
    "discarded": (
        WARNING,
        "Find out why tasks wait until they expire: add workers, lengthen expires, or synchronise the clocks. Revoked tasks were somebody's wish.",
    ),
    "prefetched_beside_idle": (
        WARNING,
        "Set worker_prefetch_multiplier to 1 with task_acks_late, or worker_disable_prefetch with Celery 5.6 and later on Redis.",
    ),
    "eviction_policy": (WARNING, "Set maxmemory-policy to noeviction."),
    "visibility_timeout_short": (
        WARNING,
        "Raise visibility_timeout above the longest task and the farthest ETA.",
    ),
    "broker_alarm": (ERROR, "Free memory or disk on the broker. Do not restart workers."),
    "orphan_reply_keys": (WARNING, "Delete the keys that nobody reads, and probe with a longer timeout."),
    "disk_full": (ERROR, "Free space. Do not restart workers of this host before."),
    "out_of_memory": (
        WARNING,
        "Raise memory_max or lower concurrency, and set max_memory_per_child. It is forgotten when the worker is restarted.",
    ),
    "schedule_in_future": (
        ERROR,
        "Set the clock of beat's host right. Then run beat_reset where the schedule is a file, or correct last_run_at where it is in a database or in Redis.",
    ),
    "schedule_overdue": (
        ERROR,
        "Run beat_reset, and read beat's log where that does not help. Replace django-celery-beat 2.8.0 and 2.8.1.",
    ),
    "two_beats": (ERROR, "Stop all but one beat. Each periodic task is sent once by each."),
}

SUBJECTS = tuple(REASONS) + tuple(FINDINGS)


def verdict_of(reason):
    """Return the verdict that a reason stands for."""
    return REASONS[reason][0]


def runbook(reason):
    """Return the page of a reason, below the collection's root."""
    return "docs/runbooks/{0}.md".format(reason)


def entry(reason):
    """Return verdict, reason, action, remedy and runbook."""
    verdict, action, remedy = REASONS[reason]
    return {"verdict": verdict, "reason": reason, "action": action, "remedy": remedy, "runbook": runbook(reason)}


def finding_entry(reason):
    """Return reason, severity, remedy and runbook of a finding."""
    severity, remedy = FINDINGS[reason]
    return {"reason": reason, "severity": severity, "remedy": remedy, "runbook": runbook(reason)}
