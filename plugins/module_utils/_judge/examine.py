# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what a look at a fleet brought to its report. Pure. Private to the collection.

All times become those of the controller's clock: a difference between two clocks must not pass for patience.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._common.packing import each_once, unpack
from ansible_collections.taskfleet.celery.plugins.module_utils._common.replies import broker_of, summary
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.conclusion import failure
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.evidence import gather, rate_limits
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.report import lines, report
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.verdict import judge

METHODS = ("active", "reserved", "scheduled", "stats", "active_queues", "registered", "conf")
# What does not change from one sample to the next, and is large.
ONCE = ("registered", "conf")


def reached(looks, first=()):
    """Return the hosts that could be looked at, from registered results of celery_host_info by host.

    Those that are among ``first`` come first.
    """
    hosts = [host for host, results in looks.items() if any("clock" in result for result in _samples(results))]
    return sorted(hosts, key=lambda host: host not in first)


def host_samples(evidence):
    """Return by host the samples that judging takes, from registered results of celery_host_info.

    A single result will do in place of a list, and one that has several samples.
    """
    return {host: [_host_sample(result) for result in _samples(results)] for host, results in (evidence or {}).items()}


def _samples(results):
    if isinstance(results, dict):
        return results.get("samples") or ([results] if results else [])
    return results


def _host_sample(result):
    clock = result.get("clock") or {}
    if result.get("unreachable"):
        return {"at": 0.0, "unreachable": (result.get("msg") or "no answer").strip()}
    if not clock:
        return {"at": 0.0, "broken": _why_broken(result)}
    return {"at": clock["ended_at"] - (clock.get("offset") or 0), "result": result}


def _why_broken(result):
    """Return why a look failed: what the interpreter of the host said last, before what Ansible says of it."""
    last_words = [line.strip() for line in (result.get("module_stderr") or "").splitlines() if line.strip()]
    return ": ".join(filter(None, [*last_words[-1:], (result.get("msg") or "").strip()])) or "it answered nothing"


def offset_of(hosts, name):
    """Return how far the clock of a host is ahead of the controller's, as its last look tells, or 0."""
    offsets = [
        (sample["result"].get("clock") or {}).get("offset") for sample in hosts.get(name, ()) if "result" in sample
    ]
    return next((offset for offset in reversed(offsets) if offset is not None), 0)


def control_samples(answer, problem, awaited, elsewhere, offset, now):
    """Return the samples of the control plane in the form of celery_inspect_info.

    Of who is not ``awaited`` silence means nothing.
    """
    samples = []
    for sample in answer.get("control", ()):
        replies = [reply for reply in unpack(sample) if reply[1] not in elsewhere]
        limits = each_once(lambda _method, reply: rate_limits(reply))
        # A worker that was not asked, or not to the end, is not silent.
        heard = awaited if sample["asked"] and not sample["broker"]["error"] else ()
        result = summary(replies, heard, sample["methods"], sample["pids"])
        for method, node, reply in replies:
            if method == "registered" and isinstance(reply, list):
                result["nodes"][node]["rate_limits"] = limits(method, reply)
        result.update(broker=sample["broker"], probe={"ok": True, "error": ""})
        samples.append({"at": sample["at"] - offset, "result": result})
    if problem or not samples:
        broker = broker_of(answer)
        probe = {"ok": False, "error": problem or "nothing was asked"}
        samples.append({"at": now, "result": dict(summary([], (), METHODS), broker=broker, probe=probe)})
    return samples


def queue_samples(answer, offset):
    """Return the samples of the queues in the form of celery_queue_info."""
    return [{"at": sample["at"] - offset, "result": sample} for sample in answer.get("queues", ())]


def heard_of(answer, awaited):
    """Whether any of the nodes answered at all."""
    return any(node in awaited for sample in answer.get("control", ()) for _method, node, _reply in unpack(sample))


def examine(expected, answer, problem, hosts, speaker, elsewhere, policy, now, alone=False, schedule=None):
    """Return report, lines and evidence.

    ``answer`` is what the helper brought from the host ``speaker``, ``problem`` why it brought no more. ``elsewhere`` are
    nodes that are declared and shall not be judged now. ``alone`` is true where nothing of the application was known but
    the broker's URL: where then nobody answers, the application may have another control exchange or a key prefix, so
    neither silence nor an empty queue means anything. ``schedule`` is what celery_beat_info said on beat's host.
    """
    offset = offset_of(hosts, speaker)
    awaited = [node["node"] for node in expected["nodes"] if node.get("state") != "stopped"]
    if alone and not heard_of(answer, awaited):
        awaited, answer = [], dict(answer, queues=[])
    control = control_samples(answer, problem, awaited, set(elsewhere), offset, now - offset)
    for samples in hosts.values():
        for sample in samples:
            sample["at"] = sample["at"] or control[0]["at"]
    evidence = gather(expected, control, queue_samples(answer, offset), hosts, answer.get("facts"), None, schedule)
    judged = report(judge(expected, evidence, policy), evidence, policy)
    return {"report": judged, "lines": lines(judged), "failure": failure(judged), "evidence": evidence}
