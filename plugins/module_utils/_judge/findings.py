# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings that no single node is guilty of. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import known, seconds_text
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.conclusion import named
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import finding_entry

# What kombu's Redis transport uses when nobody says anything.
VISIBILITY_TIMEOUT = 3600
# Seconds. Two clocks differ by less, and no scheduler sleeps longer: Celery's, and redbeat, five minutes at most.
AHEAD, LATE = 60, 600
# Seconds that all tasks of a worker run, before one that waits for them counts as held back.
WAITS = 60


def find(fleet):
    """Return the findings, in the order of the table."""
    return [dict(finding, **finding_entry(reason)) for reason, rule in RULES for finding in rule(fleet)]


def _finding(subject, cause, **evidence):
    return {"subject": subject, "cause": cause, "evidence": evidence}


def uncovered_queue(fleet):
    """Work waits where no declared node consumes."""
    covered = set()
    for case in fleet.cases.values():
        if case.declaration.exists and not case.declaration.stopped:
            covered.update(case.declaration.queues)
            covered.update(*case.queues.consumed()[-1:])
    for name, samples in sorted(fleet.evidence["queues"].items()):
        ready = [sample["ready"] for sample in samples]
        if name not in covered and ready and all(ready):
            cause = "{0} tasks wait in {1}, which no declared worker consumes.".format(ready[-1], name)
            yield _finding(name, cause, ready=ready, consumers=samples[-1]["consumers"])


def queue_backlog(fleet):
    """More work waits than the threshold allows."""
    for name, samples in sorted(fleet.evidence["queues"].items()):
        ready = [sample["ready"] for sample in samples]
        if ready and (ready[-1] or 0) > fleet.policy["max_queue"]:
            cause = "{0} tasks wait in {1}; the threshold is {2}.".format(ready[-1], name, fleet.policy["max_queue"])
            yield _finding(name, cause, ready=ready, oldest_age=samples[-1]["oldest_age"])


def failures(fleet):
    """More tasks failed than the threshold allows."""
    failed = fleet.evidence["broker"]["facts"]["failures"] or {}
    if (failed.get("count") or 0) > fleet.policy["max_failures"]:
        cause = "{0} tasks have failed{1}; the threshold is {2}.".format(
            failed["count"],
            " in {0} s".format(failed["window"]) if failed.get("window") else "",
            fleet.policy["max_failures"],
        )
        yield _finding("tasks", cause, **failed)


def discarded(fleet):
    """A worker has taken more tasks than the threshold of failures allows, and not run them."""
    for name, case in sorted(fleet.cases.items()):
        expired, revoked = (case.heartbeats.latest(key) or 0 for key in ("expired_total", "revoked_total"))
        if expired + revoked > fleet.policy["max_failures"]:
            cause = "{0} has discarded {1} expired and {2} revoked tasks since its start; the threshold is {3}.".format(
                name, expired, revoked, fleet.policy["max_failures"]
            )
            yield _finding(name, cause, expired=expired, revoked=revoked)


def prefetched_beside_idle(fleet):
    """A worker whose slots are all busy for long holds a task that an idle neighbour of the same queue could run."""
    idle = {}
    for name, case in sorted(fleet.cases.items()):
        if case.work.empty_handed() and case.control.answered_all() and case.queues.consumed():
            for queue in case.queues.consumed()[-1]:
                idle.setdefault(queue, []).append(name)
    for name, case in sorted(fleet.cases.items()):
        ages, slots = [task["age"] for task in case.work.tasks()], case.pool.concurrency()
        if not slots or len(ages) < slots or min(known(ages), default=0) < WAITS or len(known(ages)) < len(ages):
            continue
        for queue, ids in sorted(_held_by_queue(case).items()):
            free = idle.get(queue, [])
            if free:
                cause = "{0} holds {1} of {2} that it cannot begin, as its tasks run since {3}; {4} has none to run.".format(
                    name,
                    "a task" if len(ids) == 1 else "{0} tasks".format(len(ids)),
                    queue,
                    seconds_text(min(ages)),
                    named(free),
                )
                yield _finding(name, cause, queue=queue, tasks=sorted(ids), idle=free)


def _held_by_queue(case):
    """Return by queue the ids of tasks that were taken and not begun in all samples, and that wait for no rate limit."""
    if len(case.control.answers) < 2 or case.held.by_eta() or case.held.may_be_by_limit():
        return {}
    looks = [sample["reserved"] for sample in case.control.answers]
    if any(look is None for look in looks):
        return {}
    queues = {task["id"]: task.get("queue") for look in looks for task in look if task["started"] is None}
    for look in looks:
        now = {task["id"] for task in look if task["started"] is None}
        queues = {task: queue for task, queue in queues.items() if task in now}
    by_queue = {}
    for task, queue in queues.items():
        by_queue.setdefault(queue, []).append(task)
    return by_queue


def eviction_policy(fleet):
    """Redis may throw away what Celery needs."""
    policy = fleet.evidence["broker"]["facts"]["eviction_policy"]
    if policy not in (None, "noeviction"):
        cause = "Redis evicts keys ({0}) when its memory is full, among them messages and bindings.".format(policy)
        yield _finding("broker", cause, eviction_policy=policy)


def visibility_timeout_short(fleet):
    """On Redis, a task that takes longer than this is run again, while the first still runs."""
    if fleet.evidence["broker"]["kind"] != "redis":
        return
    timeout = fleet.evidence["broker"]["facts"]["visibility_timeout"] or VISIBILITY_TIMEOUT
    limits = {}
    for name, case in fleet.cases.items():
        hard = known([case.declaration.hard_limit])
        limits[name] = max(hard + known(task["hard"] for task in case.work.tasks()) + [0])
    longest = max(limits.values()) if limits else 0
    taken = [samples[-1] for samples in fleet.evidence["queues"].values() if samples[-1]["oldest_age_of"] == "unacked"]
    late = max([sample["oldest_age"] or 0 for sample in taken] + [0])
    if longest >= timeout or late > timeout:
        what = (
            "a task may run {0} s".format(longest)
            if longest >= timeout
            else "a task is at hand since {0} s".format(late)
        )
        cause = "The visibility timeout is {0} s, and {1}: it is then delivered again.".format(timeout, what)
        yield _finding("broker", cause, visibility_timeout=timeout, longest_limit=longest, oldest_unacked=late)


def broker_alarm(fleet):
    """RabbitMQ has stopped to read from who publishes."""
    for alarm in fleet.alarms():
        yield _finding(
            "broker", "The broker raises an alarm ({0}), and blocks who publishes.".format(alarm), alarm=alarm
        )


def orphan_reply_keys(fleet):
    """Replies of probes that nobody has read pile up."""
    count = fleet.evidence["broker"]["facts"]["orphan_reply_keys"]
    if (count or 0) > fleet.policy["max_orphan_keys"]:
        yield _finding(
            "broker", "{0} replies of probes lie on the broker, and nobody reads them.".format(count), count=count
        )


def disk_full(fleet):
    """A file system has no room left."""
    least = fleet.policy["min_disk_free"]
    for name, host in sorted(fleet.evidence["hosts"].items()):
        for disk in (host["samples"] or [{"disks": ()}])[-1]["disks"]:
            for what, free, total in (
                ("space", disk.get("free_bytes"), disk.get("total_bytes")),
                ("inodes", disk.get("free_inodes"), disk.get("total_inodes")),
            ):
                if free is not None and total and 100.0 * free / total < least:
                    percent = round(100.0 * free / total, 1)
                    cause = "{0} on {1} has {2} % of its {3} free.".format(disk["path"], name, percent, what)
                    yield _finding(name, cause, path=disk["path"], free=free, total=total, what=what)


def out_of_memory(fleet):
    """The kernel has killed processes of workers that go on: the tasks that these ran have failed."""
    for (host, group), workers in sorted(_memory_groups(fleet).items()):
        killed = [memory["events"]["oom_kill"] for _name, memory in workers]
        if not max(killed):
            continue
        names, limit = [name for name, _memory in workers], workers[0][1].get("limit_bytes")
        # Under supervisor, all programs are of one control group.
        cause = "The kernel has killed {0} process{1} of {2} for want of memory{3}.".format(
            max(killed),
            "" if max(killed) == 1 else "es",
            names[0] if len(names) == 1 else "the control group of {0}".format(", ".join(names)),
            ", which is limited to {0} MiB".format(limit >> 20) if limit else "",
        )
        subject = names[0] if len(names) == 1 else host
        yield _finding(subject, cause, killed=max(killed), limit_bytes=limit, control_group=group, nodes=names)


def _memory_groups(fleet):
    """Return by host and control group ``[(node, memory)]`` of the workers in it, as the last look that knows it has it."""
    groups = {}
    for name, case in sorted(fleet.cases.items()):
        seen = known(sample["memory"] for sample in case.host.samples)
        if seen and (seen[-1].get("events") or {}).get("oom_kill") is not None:
            groups.setdefault((case.host_name, seen[-1].get("path") or ""), []).append((name, seen[-1]))
    return groups


def schedule_in_future(fleet):
    """Entries of beat's schedule ran last in the future, as after a clock that was wrong: they are not sent before."""
    ahead = {entry["name"]: entry["ahead"] for entry in fleet.schedule() if entry["ahead"] > AHEAD}
    if ahead:
        cause = "By its schedule ({0}), beat has sent {1} in the future, by up to {2}, and sends nothing of it before.".format(
            fleet.evidence["schedule"]["source"], named(sorted(ahead)), seconds_text(max(ahead.values()))
        )
        yield _finding("beat", cause, ahead=ahead, source=fleet.evidence["schedule"]["source"])


def schedule_overdue(fleet):
    """Beat runs, and does not send entries of its schedule that are due since minutes."""
    late = {entry["name"]: entry["late"] for entry in fleet.schedule() if (entry["late"] or 0) > LATE}
    host = fleet.host((fleet.expected.get("beat") or {}).get("host"))
    mains = [sample["beat"]["main"] for sample in host["samples"][-1:] if sample["beat"] and sample["beat"]["main"]]
    # One that was just started catches up. Where Python's dbm is ndbm, a file has what was so at beat's start.
    if late and mains and (mains[0].get("age") or 0) - fleet.evidence["schedule"]["age"] > LATE:
        cause = "Beat runs since {0}, and does not send {1}, due since up to {2} by its schedule ({3}).".format(
            seconds_text(mains[0]["age"]),
            named(sorted(late)),
            seconds_text(max(late.values())),
            fleet.evidence["schedule"]["source"],
        )
        yield _finding("beat", cause, late=late, source=fleet.evidence["schedule"]["source"])


def two_beats(fleet):
    """Each beat sends every periodic task, so two send it twice."""
    beats = []
    for name, host in sorted(fleet.evidence["hosts"].items()):
        for sample in host["samples"][-1:]:
            if sample["beat"] and sample["beat"]["main"]:
                beats.append({"host": name, "pid": sample["beat"]["main"]["pid"], "service": True})
            beats += [
                {"host": name, "pid": stray["pid"], "service": False}
                for stray in sample["strays"]
                if stray.get("kind") == "beat" or stray.get("embedded_beat")
            ]
    if len(beats) > 1:
        where = ", ".join("{host} (pid {pid})".format(**beat) for beat in beats)
        yield _finding("beat", "{0} beats run: {1}.".format(len(beats), where), beats=beats)


RULES = tuple(
    (rule.__name__, rule)
    for rule in (
        uncovered_queue,
        queue_backlog,
        failures,
        discarded,
        prefetched_beside_idle,
        eviction_policy,
        visibility_timeout_short,
        broker_alarm,
        orphan_reply_keys,
        disk_full,
        out_of_memory,
        schedule_in_future,
        schedule_overdue,
        two_beats,
    )
)
