# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What carrying out a plan needs to know: how long a worker may take to end, and whether the restart helped. Pure.

Private to the collection.
"""

from __future__ import annotations

from math import floor

from ansible_collections.taskfleet.celery.plugins.module_utils._act.plan import hold_of, plan
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import start_timeout
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.policy import policy
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.conclusion import named, unhealed
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import START

# Seconds that a worker without a task may take to end.
EMPTY = 15
# Seconds more with a prefork pool. A process of it that has ended a task waits so long until the main process has read the
# result, which that no longer does once it waits for its processes. A worker that is killed meanwhile takes along the
# message that Redis handed to it last. (billiard/pool.py: GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT times _INTERVAL)
UNREAD = 30
# Where a process of a prefork pool waits that has no task: for its parent's pipe.
PIPES = ("pipe_read", "anon_pipe_read", "pipe_wait")
# Verdicts that a restart has led to what it could: what else is wrong was wrong before.
WELL = ("healthy", "misconfigured")


def at_work(verdict, looks):
    """Whether a worker runs a task. None when not known."""
    if verdict["reason"] == "hung_in_startup":
        return False
    # What the pool was given is begun before the worker ends, also by a process that only now goes on.
    known = [verdict["evidence"]["seen"].get(key) for key in ("active", "at_hand")]
    if known != [None, None]:
        return any(known)
    children = [look["children"] for look in looks]
    if verdict["evidence"]["seen"].get("pool") != "prefork" or len(children) < 2 or not all(children):
        return None
    waits = {child.get("wchan") for look in children for child in look}
    return False if waits <= set(PIPES) else None


def work(report, evidence):
    """Return by node what acting needs of the evidence: ``{at_work, worked}``.

    ``at_work`` is whether it runs a task, None when not known. ``worked`` are the pids of main processes that tasks went
    through.
    """
    by_node = {}
    for node in report["nodes"]:
        seen = evidence["nodes"].get(node["node"]) or {"host_samples": [], "control": []}
        heartbeats = [sample["heartbeat"] for sample in seen["host_samples"] if sample["heartbeat"]]
        worked = {heartbeat.get("pid") for heartbeat in heartbeats if heartbeat.get("completed_total")}
        worked |= {sample["pid"] for sample in seen["control"] if sample["total"]}
        by_node[node["node"]] = {"at_work": at_work(node, seen["host_samples"]), "worked": sorted(worked - {None})}
    return by_node


def patience(verdict, busy, limits):
    """Return the seconds from TERM to QUIT: the longest that a task may lawfully take, unless there is none.

    ``busy`` is whether it runs a task, None when not known. A soft shutdown, which begins on QUIT, has to end before the
    service manager kills the worker.
    """
    empty = _empty(verdict)
    if busy is False:
        return empty
    longest = limits.get("hard") or limits.get("stop") or empty
    until_kill = (limits.get("stop") or longest) - limits.get("soft_shutdown", 0)
    return min(longest + empty, max(until_kill, empty))


def _empty(verdict):
    """Return the seconds that a worker may take to end that has no task any more."""
    pool = verdict["evidence"]["seen"].get("pool")
    has_results = verdict["reason"] != "hung_in_startup" and pool in ("prefork", None)
    return EMPTY + UNREAD if has_results else EMPTY


def prepare(batches, result, expected):
    """Give each step what it needs: patience, and what the worker had at hand."""
    verdicts = {verdict["node"]: verdict for verdict in result["report"]["nodes"]}
    declared = {node["node"]: node for node in expected}
    for step in (step for batch in batches for step in batch):
        name = step["node"]
        seen = verdicts[name]["evidence"]["seen"]
        one = declared.get(name, {})
        step["patience"] = patience(verdicts[name], result["work"][name]["at_work"], one.get("limits") or {})
        step["soft_shutdown"] = (one.get("limits") or {}).get("soft_shutdown", 0)
        step["service"] = one.get("service")
        step["start_timeout"] = start_timeout(one.get("start_grace") or policy()["start_grace"])
        step["old_pid"] = seen.get("pid") or 0
        step["tasks"] = {key: seen.get(key) for key in ("active", "at_hand", "unacked")}
    return batches


def heal_plan(result, expected, policy, last_restarts, now, proofs=None):
    """Return the plan to fix what is stuck or down, with all that carrying it out needs."""
    made = plan(result["report"], policy, last_restarts, now, proofs)
    return dict(made, batches=prepare(made["batches"], result, expected))


def rolling_plan(result, expected, chosen, fraction, done=()):
    """Return the plan to restart the chosen nodes, so that of no queue more than the fraction of its workers is away.

    One worker of a queue may always be away, unless others of it are unhealthy: those count as away all the time. Nodes in
    ``done`` were restarted by an earlier run.
    """
    declared = {node["node"]: set(node.get("queues") or ()) for node in expected}
    left, ready = [], []
    rooms = _rooms(result["report"]["nodes"], declared, fraction)
    for verdict in sorted(result["report"]["nodes"], key=lambda one: one["node"]):
        name = verdict["node"]
        why = _why_not_rolling(verdict, declared, rooms, chosen, done)
        if why:
            left.append({"node": name, "why": why})
        else:
            step = {key: verdict[key] for key in ("node", "host", "instance", "verdict", "reason", "cause")}
            ready.append(dict(step, action="restart"))
    hold = hold_of(result["report"]["broker"])
    batches = []
    while ready and not hold:
        batches.append(_batch(ready, declared, rooms))
        ready = [step for step in ready if step not in batches[-1]]
    return {"batches": prepare(batches, result, expected), "left_alone": left, "hold": hold}


def _rooms(nodes, declared, fraction):
    """Return by queue how many of its workers may be away beside those that are unhealthy."""
    workers, unhealthy = {}, {}
    verdicts = {one["node"]: one["verdict"] for one in nodes}
    for node, names in declared.items():
        for name in names:
            workers[name] = workers.get(name, 0) + 1
            unhealthy[name] = unhealthy.get(name, 0) + (verdicts.get(node, "unknown") not in WELL)
    return {name: max(1, floor(count * fraction)) - unhealthy[name] for name, count in workers.items()}


def _why_not_rolling(verdict, declared, rooms, chosen, done):
    if verdict["node"] not in declared:
        return "it is not declared"
    if chosen and verdict["node"] not in chosen:
        return "it was not chosen"
    if verdict["node"] in done:
        return "it was restarted before"
    if verdict["verdict"] not in WELL:
        return "{verdict}/{reason}: fix it first".format(**verdict)
    short = sorted(name for name in declared[verdict["node"]] if rooms[name] < 1)
    if short:
        return "too many other workers of {0} are unhealthy: fix them first".format(", ".join(short))
    return ""


def _batch(ready, declared, rooms):
    """As many nodes as may be away at once."""
    away, batch = {}, []
    for step in ready:
        names = declared[step["node"]]
        if all(away.get(name, 0) < rooms[name] for name in names):
            batch.append(step)
            away.update((name, away.get(name, 0) + 1) for name in names)
    return batch


def services(steps, host, least_start_timeout):
    """Return what celery_restart takes of the steps of a host."""
    return [
        {
            "service": step["service"],
            "action": step["action"],
            "patience": step["patience"],
            "soft_shutdown": step["soft_shutdown"],
            "start_timeout": max(step["start_timeout"], least_start_timeout),
        }
        for step in steps
        if step["host"] == host
    ]


def taken(batch, restarts):
    """Return by node what came of its step, from the result of celery_restart on each host that answered."""
    results = {}
    for host, result in restarts.items():
        steps = [step for step in batch if step["host"] == host]
        results.update((step["node"], one) for step, one in zip(steps, result.get("services") or ()))
    return results


def strays(looks):
    """Return ``[{host, pid, kind, cmdline}]`` of the processes that no service owns, from a look at each host."""
    return [
        dict({key: stray[key] for key in ("pid", "kind", "cmdline")}, host=host)
        for host, look in looks.items()
        for stray in look.get("strays") or ()
    ]


def awaited(results):
    """Return the nodes that were started: only for these is there anything to wait for."""
    return [node for node, one in results.items() if not one["error"]]


def record(made, restarted, before, now, done=()):
    """Return what heal.json has of a run: ``{planned, restarted, left_alone, hold, proofs, done, last_restarts}``.

    :param dict made: the plan.
    :param list restarted: the outcomes so far.
    :param dict before: by node when it was restarted last, in seconds since the epoch.
    :param float now: the present, likewise.
    :param list done: nodes that a run before this one restarted, where this one goes on with it.
    """
    failed = [one["node"] for one in restarted if not one["verified"]]
    reached = [one["node"] for one in restarted]
    planned = [step["node"] for batch in made["batches"] for step in batch]
    left_out = [node for node in planned if failed and node not in reached]
    return {
        "planned": planned,
        "restarted": restarted,
        "left_alone": made["left_alone"]
        + [{"node": node, "why": "stopped: {0} failed verification".format(failed[0])} for node in left_out],
        "hold": made["hold"],
        "proofs": made.get("proofs") or {},
        # Where rolling_restart goes on.
        "done": [*done, *(one["node"] for one in restarted if one["verified"])],
        # For the cooldown of the next run.
        "last_restarts": dict(before, **dict.fromkeys(reached, int(now))),
    }


def lines(made):
    """Return a line for each node that is to be touched, and for each that is unhealthy and is not."""
    text = ["Nobody is touched: {0}".format(made["hold"])] if made["hold"] else []
    for step in (step for batch in made["batches"] for step in batch):
        proven = ", and its proof passes now" if step["node"] in (made.get("proofs") or {}) else ""
        text.append("{action} {node} ({verdict}/{reason}{0}): {cause}".format(proven, **step))
    text += ["leave {node}: {why}".format(**one) for one in made["left_alone"] if not one["why"].startswith("healthy/")]
    return text or ["There is nothing to do."]


def heal_failure(result, made, restarted, policy_values):
    """Return why the run fails, or an empty text.

    It fails for a worker that was restarted and is not verified, for a node of the verdicts to heal that is not well, and
    for all that makes a look at the fleet fail.
    """
    report, left_alone = result["report"], {one["node"]: one["why"] for one in made["left_alone"]}
    unverified = {
        one["node"]: one["why"] + ". The rest of the plan was left out" for one in restarted if not one["verified"]
    }
    names = [*unverified, *report["failed"], *unhealed(report, policy(policy_values)["heal_verdicts"])]
    by_why = {}
    for name in dict.fromkeys(names):
        why = unverified.get(name) or made["hold"] or left_alone.get(name) or report["to_do"]
        by_why.setdefault(why, []).append(name)
    return "; ".join("{0}: {1}".format(named(names), why) for why, names in by_why.items())


def outcomes(batch, results, result):
    """Return for each step of a batch what became of it, from the results of the hosts and a later look at the fleet."""
    verdicts = {verdict["node"]: verdict for verdict in result["report"]["nodes"]}
    return [_outcome(step, results.get(step["node"]) or {}, verdicts.get(step["node"]), result) for step in batch]


def _outcome(step, taken, verdict, result):
    seen = verdict["evidence"]["seen"] if verdict else {}
    new_pid = seen.get("pid") or taken.get("after_pid") or 0
    why = ""
    if not taken:
        why = "its host did not answer"
    elif taken.get("error"):
        why = taken["error"]
    elif not verdict or verdict["verdict"] not in WELL:
        why = "{verdict}/{reason}: {cause}".format(**verdict) if verdict else "it is not in the report"
    elif not new_pid or (step["action"] != START and new_pid == taken.get("before_pid")):
        why = "its main process is the same as before"
    return {
        "node": step["node"],
        "action": step["action"],
        "reason": step["reason"],
        "old_pid": taken.get("before_pid") or step["old_pid"],
        "new_pid": new_pid,
        "signal": taken.get("signal", ""),
        "seconds": taken.get("seconds"),
        "verified": not why,
        "why": why,
        "proof": "" if why else _proof(verdict, new_pid, result),
        "tasks": dict(step["tasks"], fate=_fate(step, taken, result)),
    }


def _proof(verdict, pid, result):
    """Return what proves that a worker works since its start: work, or an empty text."""
    return "tasks went through it" if pid in result["work"][verdict["node"]]["worked"] else ""


def unproven(restarted):
    """Return the workers of these outcomes that are verified, and that nothing has gone through yet."""
    return [one["node"] for one in restarted if one["verified"] and not one["proof"]]


def with_canaries(restarted, results):
    """Return the outcomes with what a task of its own has shown of each worker: the results of celery_task_run.

    A task that nobody knows the end of, as without a result backend, shows nothing.
    """
    by_node = {result["item"]: result for result in results}
    return [_with_canary(one, by_node.get(one["node"]) or {}) for one in restarted]


def _with_canary(one, result):
    if result.get("state") == "SUCCESS":
        return dict(one, proof="a task that was sent to it came back")
    if result.get("reason") in ("not_taken", "not_finished"):
        return dict(one, verified=False, why="a task that was sent to it did not come back: " + result["message"])
    return one


def _fate(step, taken, result):
    """Return what becomes of the tasks that the worker had."""
    if step["action"] == START or taken.get("signal") in ("", None):
        ended = "It did not run. "
    elif taken["signal"] == "TERM":
        return "It ended its running tasks, and gave back those that it had not begun."
    else:
        ended = "It was ended by {0}. ".format(taken["signal"])
    lost = "Tasks that it had begun and acknowledged early are lost; "
    if result["report"]["broker"]["kind"] == "rabbitmq":
        return ended + lost + "the unacknowledged went back to their queues at once."
    timeout = result["visibility_timeout"] or 3600
    back = "the unacknowledged come back within {0} s, the visibility timeout. ".format(int(timeout))
    # BRPOP takes a message from its list before the client notes it down among the unacknowledged.
    return ended + lost + back + "One that Redis was just handing over, and that it had not noted down yet, is lost."
