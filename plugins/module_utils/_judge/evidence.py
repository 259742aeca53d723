# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one form of evidence that judging takes, and what folds the results of the modules into it.

docs/evidence.md has the form. Pure: no input, no output, no clock. Private to the collection.

What is not known is None, and its reason is under ``missing``. Nothing here says good or bad.
"""

from __future__ import annotations

import re

from ansible_collections.taskfleet.celery.plugins.module_utils._common.brokers import kind_of
from ansible_collections.taskfleet.celery.plugins.module_utils._common.pools import pool_of
from ansible_collections.taskfleet.celery.plugins.module_utils._common.replies import setting

SCHEMA = 1

# A reply to ``registered`` names a task as "shop.add [rate_limit=1/h exchange=...]".
_RATE_LIMIT = re.compile(r"\brate_limit=(\S+?)[\]\s]")

BROKER_FACTS = (
    "alarms",
    "eviction_policy",
    "orphan_reply_keys",
    "result_backend",
    "uptime",
    "visibility_timeout",
    "failures",
)


def gather(expected, control=(), broker=(), hosts=None, facts=None, taken_at=None, schedule=None):
    """Return the evidence of a fleet.

    ``control`` and ``broker`` are samples ``{at, result}`` of celery_inspect_info and celery_queue_info, the oldest
    first; ``hosts`` has by host such samples of celery_host_info, or in place of a result ``{at, unreachable: reason}``, or
    ``{at, broken: reason}`` where the look itself has failed. ``schedule`` is a result of celery_beat_info.
    """
    evidence = {
        "schema": SCHEMA,
        "taken_at": taken_at if taken_at is not None else _latest(control, broker, hosts or {}),
        "broker": _broker(control, broker, facts or {}),
        "probe": _probe(control),
        "queues": {},
        "schedule": _schedule(schedule or {}),
        "pages": {"flower": _pages(hosts or {}, (expected.get("flower") or {}).get("host"))},
        "hosts": {name: _host(samples) for name, samples in sorted((hosts or {}).items())},
        "nodes": {},
    }
    for sample in broker:
        for name, queue in sorted((sample["result"].get("queues") or {}).items()):
            evidence["queues"].setdefault(name, []).append(_queue(sample["at"], queue, evidence["broker"]["kind"]))
    declared = {node["node"]: node for node in expected["nodes"]}
    answered = {name for sample in control for name in sample["result"].get("nodes") or {}}
    waiting = [(sample["at"], _waiting(sample["result"].get("clients"))) for sample in broker]
    silent = [set(sample["result"].get("silent") or ()) for sample in control]
    for name in sorted(set(declared) | answered):
        evidence["nodes"][name] = _node(name, declared.get(name), control, silent, waiting, hosts or {})
    if evidence["broker"]["facts"]["visibility_timeout"] is None:
        evidence["broker"]["facts"]["visibility_timeout"] = _visibility_timeout(evidence)
    return evidence


# -- The fleet


def _latest(control, broker, hosts):
    moments = [sample["at"] for samples in (control, broker, *hosts.values()) for sample in samples]
    return max(moments) if moments else 0.0


def _broker(control, broker, facts):
    samples = []
    kind, url = None, None
    for source, taken in (("control", control), ("queues", broker)):
        for sample in taken:
            peer = sample["result"].get("broker") or {}
            kind, url = kind or kind_of(peer.get("transport")), url or peer.get("url")
            reachable, error = peer.get("reachable"), peer.get("error") or ""
            samples.append(
                {
                    "at": sample["at"],
                    "source": source,
                    "reachable": reachable,
                    "refusing": None if reachable is None else bool(reachable and error),
                    "layer": peer.get("layer") or "unknown",
                    "error": error,
                }
            )
    samples.sort(key=lambda sample: (sample["at"], sample["source"]))
    return {"kind": kind, "url": url, "samples": samples, "facts": {name: facts.get(name) for name in BROKER_FACTS}}


def _probe(control):
    """Whether the last question to the control plane could be put. None when none was put."""
    if not control:
        return {"ok": None, "error": "the control plane was not asked"}
    probe = control[-1]["result"].get("probe") or {}
    return {"ok": probe.get("ok"), "error": probe.get("error") or ""}


def _queue(at, queue, kind):
    if kind == "redis" and queue.get("exists") is False:
        # A list that is empty is not there.
        queue = dict(queue, ready=0)
    question = {"at": at, "error": queue.get("error") or "", "missing": dict(queue.get("unknown") or {})}
    for key in ("ready", "unacked", "consumers", "by_priority", "oldest_age", "oldest_age_of", "held"):
        question[key] = queue.get(key)
    return question


def _pages(hosts, host):
    """Whether Flower's page answered, in each look at its host that asked for it."""
    flowers = [(sample["at"], (sample.get("result") or {}).get("flower") or {}) for sample in hosts.get(host, ())]
    return [dict(flower["page"], at=at) for at, flower in flowers if flower.get("page")]


def _schedule(answer):
    """What beat's schedule says of each entry that is enabled: how far its last run is ahead, and how late the next one is.

    Of a schedule in a file that is old, it says what was so when the file was written.
    """
    schedule, parts = answer.get("schedule") or {}, (answer.get("file") or {}).get("parts") or ()
    written = [part["modified_at"] for part in parts] if schedule.get("source") == "file" else []
    age = max(answer["taken_at"] - max(written), 0) if written else 0
    entries = [
        {"name": entry["name"], "ahead": entry["last_run_ahead"], "late": _late(entry, age)}
        for entry in schedule.get("entries") or ()
        if entry["enabled"] and entry.get("last_run_ahead") is not None
    ]
    return {"source": schedule.get("source"), "age": round(age, 1), "entries": entries}


def _late(entry, age):
    return None if entry["due_in"] is None else round(max(-entry["due_in"] - age, 0), 1)


def _visibility_timeout(evidence):
    """What the workers' own settings say, in seconds."""
    for node in evidence["nodes"].values():
        for sample in node["control"]:
            options = setting(sample.get("conf") or {}, "broker_transport_options") or {}
            if isinstance(options, dict) and isinstance(options.get("visibility_timeout"), (int, float)):
                return options["visibility_timeout"]
    return None


# -- A host


def _host(samples):
    """A host as a whole: whether it could be looked at, its disks, clock and strays, and the services beside workers."""
    look = {"reachable": None, "why": "the host was not looked at", "samples": []}
    for sample in samples:
        if "broken" in sample:
            look.update(reachable=True, why="the look failed: " + sample["broken"])
            continue
        if "result" not in sample:
            look.update(reachable=False, why=sample.get("unreachable") or "no answer")
            continue
        result = sample["result"]
        clock = result.get("clock") or {}
        look.update(reachable=True, why="")
        look["samples"].append(
            {
                "at": sample["at"],
                "clock": clock.get("ended_at"),
                "clock_offset": clock.get("offset"),
                "clock_uncertainty": clock.get("uncertainty"),
                "disks": list(result.get("disks") or []),
                "strays": list(result.get("strays") or []),
                "beat": _service_sample(sample["at"], clock, result.get("beat")),
                "flower": _service_sample(sample["at"], clock, result.get("flower")),
                "missing": dict(result.get("missing") or {}),
            }
        )
    return look


def _service_sample(at, clock, entry):
    """One look at the service of a worker, of beat or of Flower. A look has two readings, ``seconds`` apart."""
    if entry is None:
        return None
    processes = entry.get("processes")
    by_role = {role: [one for one in processes or () if one.get("role") == role] for role in ("main", "child", "other")}
    return {
        "at": at,
        "clock": clock.get("ended_at"),
        "service": entry.get("service"),
        "main": by_role["main"][0] if by_role["main"] else None,
        "children": None if processes is None else by_role["child"],
        "others": None if processes is None else by_role["other"],
        "ended": entry.get("ended"),
        "seconds": entry.get("sample_seconds"),
        "memory": entry.get("memory"),
        "sockets": entry.get("sockets"),
        "log": entry.get("log"),
        "heartbeat": _heartbeat(entry.get("heartbeat"), clock.get("ended_at")),
        "missing": dict(entry.get("missing") or {}),
    }


def _heartbeat(heartbeat, clock):
    """The sentinel's file with ``age``, the seconds since it was written, by the clock of its own host."""
    if (
        not isinstance(heartbeat, dict)
        or "state" not in heartbeat
        or not isinstance(heartbeat.get("written_at"), (int, float))
    ):
        return None
    age = None if clock is None else round(max(clock - heartbeat["written_at"], 0), 3)
    return dict(heartbeat, age=age)


# -- A node


def _node(name, declared, control, silent, waiting, hosts):
    host = (declared or {}).get("host") or name.partition("@")[2]
    instance = (declared or {}).get("instance") or name.partition("@")[0]
    node = {
        "node": name,
        "host": host,
        "instance": instance,
        "declared": declared is not None,
        "control": [_control(name, sample, name in quiet) for sample, quiet in zip(control, silent)],
        "host_samples": [],
        "clients": [],
        "missing": {},
    }
    if declared is not None:
        for sample in hosts.get(host, ()):
            result = sample.get("result") or {}
            entry = (result.get("instances") or {}).get(instance)
            if entry is not None:
                node["host_samples"].append(_service_sample(sample["at"], result.get("clock") or {}, entry))
        if not node["host_samples"]:
            node["missing"]["host"] = _why_no_host(hosts.get(host))
    if not any(sample["answered"] is not None for sample in node["control"]):
        node["missing"]["control"] = node["control"][-1]["why"] if control else "the control plane was not asked"
    addresses = {
        socket["local"]
        for sample in node["host_samples"]
        for socket in sample["sockets"] or ()
        if socket["to"] != "other"
    }
    for at, clients in waiting:
        node["clients"].append({"at": at, "waiting": None if clients is None else _of(clients, name, addresses)})
    if not any(client["waiting"] is not None for client in node["clients"]):
        node["missing"]["clients"] = "the broker does not list its clients"
    return node


def _why_no_host(samples):
    if not samples:
        return "the host was not looked at"
    for sample in reversed(samples):
        if "broken" in sample:
            return "the look at the host failed: " + sample["broken"]
        if "result" not in sample:
            return "the host cannot be reached: " + (sample.get("unreachable") or "no answer")
    return "the host does not know this instance"


def _waiting(clients):
    """Clients by name and by address, or None where the broker does not tell them."""
    if clients is None:
        return None
    index = {}
    for client in clients:
        for key in {client.get("name"), client.get("address")} - {"", None}:
            index.setdefault(key, []).append(client)
    return index


def _of(index, node, addresses):
    """The clients of a node: those with its label, as the sentinel writes it, and those from its addresses."""
    label = "".join(char if "!" <= char <= "~" else "_" for char in node)
    found = {}
    for key in (label, *sorted(addresses)):
        for client in index.get(key, ()):
            found[client.get("address")] = client
    return list(found.values())


def _control(name, sample, silent):
    """What a node answered in one sample. ``answered`` is None when the question could not be put."""
    result = sample["result"]
    answer = {
        "at": sample["at"],
        "answered": None,
        "why": "",
        "pid": None,
        "pool": None,
        "concurrency": None,
        "children": None,
        "total": None,
        "prefetch_count": None,
        "active": None,
        "reserved": None,
        "scheduled": None,
        "queues": None,
        "registered": None,
        "rate_limits": None,
        "conf": None,
        "twins": name in (result.get("duplicates") or ()),
        "missing": {},
    }
    probe, peer = result.get("probe") or {}, result.get("broker") or {}
    replies = (result.get("nodes") or {}).get(name)
    if replies is None:
        if probe.get("ok") is False:
            answer["why"] = "the question could not be put: " + (probe.get("error") or "no reason given")
        elif peer.get("reachable") is False or peer.get("error"):
            answer["why"] = "the broker: " + (peer.get("error") or peer.get("layer") or "not reachable")
        elif silent:
            answer.update(answered=False, why="no answer")
        else:
            answer["why"] = "it was not asked"
        return answer
    answer["answered"] = True
    for method in (result.get("unanswered") or {}).get(name, ()):
        answer["missing"][method] = "no answer"
    good = {}
    for method, reply in replies.items():
        if isinstance(reply, dict) and set(reply) == {"error"}:
            answer["missing"][method] = reply["error"]
        else:
            good[method] = reply
    _stats(answer, good.get("stats"))
    for key in ("active", "reserved"):
        if key in good:
            answer[key] = [_task(task) for task in good[key] or ()]
    if "scheduled" in good:
        answer["scheduled"] = len(good["scheduled"] or ())
    if "active_queues" in good:
        answer["queues"] = declared_names(name, good["active_queues"] or ())
    for key in ("registered", "rate_limits", "conf"):
        answer[key] = good.get(key)
    return answer


def declared_names(node, queues):
    """Return the queues that a node consumes, by the names that one declares, without what Celery adds by itself.

    A broadcast is consumed as ``bcast.<uuid>``, and declared by its alias (kombu.common.Broadcast); with ``worker_direct`` a
    worker has a queue of its own besides (celery.utils.nodenames).
    """
    names = {queue.get("alias") or queue["name"] for queue in queues}
    return sorted(names - {node + ".dq2"})


def _stats(answer, stats):
    if not stats:
        return
    pool = stats.get("pool") or {}
    answer.update(
        pid=stats.get("pid"),
        pool=pool_of(pool.get("implementation")),
        concurrency=pool.get("max_concurrency"),
        children=[pid for pid in pool.get("processes") or () if isinstance(pid, int)],
        prefetch_count=stats.get("prefetch_count"),
        total=sum((stats.get("total") or {}).values()),
    )


def _task(task):
    delivery = task.get("delivery_info") or {}
    return {
        "id": task.get("id"),
        "name": task.get("name"),
        "started": task.get("time_start"),
        "acknowledged": task.get("acknowledged"),
        "pid": task.get("worker_pid"),
        "redelivered": delivery.get("redelivered"),
        "queue": delivery.get("routing_key"),
    }


def rate_limits(registered):
    """Return the tasks that have a rate limit, from a raw reply to ``registered``: {task: limit}."""
    found = {}
    for text in (text for text in registered or () if isinstance(text, str)):
        match = _RATE_LIMIT.search(text + " ")
        if match and match.group(1) not in ("None", "0"):
            found[text.partition(" [")[0]] = match.group(1)
    return found
