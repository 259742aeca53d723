# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules about what the service manager says: down, starting, draining. Pure. Private to the collection."""

from __future__ import annotations

import re

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import (
    CONTROL,
    HOST,
    cite,
    found,
    known,
    seconds_text,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.host import main_pid
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.rules.misconfigured import (
    result_backend_unreachable,
)

# What ended a process that had run; anything else is a start that failed.
_ENDED = ("signal", "core-dump", "watchdog", "oom-kill")

_SIGKILL = 9

# What is cited of a service that does not start, and read by the plan.
STATE, MEMORY_LIMIT = "service.state", "service.memory_limit_bytes"

# Of one processor: a start that takes more is at work, not hung, for so many times its grace.
_BUSY_START = 0.2
_BUSY_GRACE = 5

# What systemd says of a start that it ends, and how what it says of one that has come about begins (src/core/service.c, unit.c).
TIMED_OUT = "start operation timed out"
READY = "Started "

# Of systemd and of supervisor: it ended, and its next start is due.
_WAITS = ("auto-restart", "backoff")

# A line of `journalctl --output=short-iso`: its time, the host, who says it, and what.
_JOURNAL = re.compile(r"\d{4}-\d\d-\d\dT\S+ \S+ (?P<who>[^\s\[:]+)(?:\[\d+\])?: (?P<says>.*)")


def last_line(samples):
    """The last line of the log that says something, or an empty text: one of systemd's own only where there is no other."""
    last = ""
    lines = [line for sample in samples for line in (sample["log"] or {}).get("lines") or () if line.strip()]
    for line in reversed(lines):
        entry = _JOURNAL.match(line)
        if not entry or entry.group("who") != "systemd":
            return (entry.group("says") if entry else line).strip()[:300]
        last = last or entry.group("says").strip()[:300]
    return last


def not_running(case):
    """The service manager has no process for it, and does not try; or, without a manager, nobody finds a process."""
    return stopped_service(case.host) or _no_process(case)


def _no_process(case):
    silent = case.control.silent()
    if (
        case.host.service
        or not silent
        or len(case.host.samples) < 2
        or any(sample["main"] or sample["children"] != [] for sample in case.host.samples)
    ):
        return None
    cites = [cite(HOST, "processes", [0] * len(case.host.samples), "no process of it is found"), silent]
    return found("not_running", "none", "No process of it is found on its host, and it does not answer.", cites)


def stopped_service(host):
    """The same, of any service."""
    service = host.service
    if not service or service.get("main_pid") or host.samples[-1]["main"]:
        return None
    state, result = service["state"], service.get("result") or ""
    ended = state == "failed" and result in _ENDED and not service.get("restarts")
    if not ended and (state != "inactive" or service.get("substate") == "auto-restart"):
        return None
    cause = "The service is not running."
    if not service.get("known", True):
        cause = "The service manager does not know the service: it is not deployed, or was removed."
    elif ended:
        cause = "The service was ended ({0}) and not started again.".format(result)
    cites = [cite(HOST, "service.state", host.service_readings("state"), "the service is " + state)]
    return found("not_running", "none", cause, cites, since=service.get("since"))


def crash_looping(case):
    """The service manager starts it again and again."""
    return looping_service(case.host, case.policy)


def looping_service(host, policy):
    """The same, of any service."""
    service = host.service
    if not service:
        return None
    restarts = known(host.service_readings("restarts"))
    often = bool(restarts) and restarts[-1] >= policy["max_restarts"]
    cites = []
    if often and restarts[-1] > restarts[0]:
        cites.append(cite(HOST, "service.restarts", restarts, "it was started again between the samples"))
    waits = service.get("substate") in _WAITS
    if waits and (not restarts or often or service.get("substate") == "backoff"):
        cites.append(cite(HOST, "service.substate", [service["substate"]], "it waits for its next start"))
    elif often and _ended_in_start(host):
        cites.append(
            cite(HOST, "service.main_pid", [service.get("main_pid")], "its process ended while it was looked at")
        )
    if service["state"] == "failed" and (service.get("restarts") or 0) >= policy["max_restarts"]:
        cites.append(cite(HOST, "service.restarts", restarts, "the service manager has given up"))
    if service.get("result") == "start-limit-hit":
        cites.append(cite(HOST, "service.result", ["start-limit-hit"], "the service manager has given up"))
    if not cites:
        return None
    cites += _given_up(host) + _met_memory_limit(service)
    return found("crash_looping", "none", _ending("It ends soon after each start", host), cites)


def _ended_in_start(host):
    """Whether the service manager said that it starts, and a moment later its process was gone."""
    last = host.samples[-1]
    seen_gone = not last["main"] and last["children"] is not None
    return host.service["state"] == "activating" and host.service is last["service"] and seen_gone


def start_failed(case):
    """The service manager could not start it."""
    return failed_service(case.host)


def failed_service(host):
    """The same, of any service."""
    service = host.service
    if not service or service["state"] != "failed":
        return None
    cites = _given_up(host) + _met_memory_limit(service)
    return found("start_failed", "none", _ending("It could not be started", host), cites, since=service.get("since"))


def _given_up(host):
    """A citation in a list, if the service manager will not start it again by itself."""
    if host.service["state"] != "failed":
        return []
    return [cite(HOST, STATE, host.service_readings("state"), "the service has failed")]


def _met_memory_limit(service):
    """A citation in a list, if it was killed and has a limit of memory.

    The kernel ends what meets the limit by SIGKILL, and only with cgroup v2 systemd knows that it did.
    """
    limit = service.get("memory_limit_bytes")
    if not limit or not (service.get("exit_signal") == _SIGKILL or service.get("result") == "oom-kill"):
        return []
    return [cite(HOST, MEMORY_LIMIT, [limit], "it was killed, and its memory is limited")]


def _ending(what, host):
    """A sentence on how a service ended, with the last line of its log."""
    service, details = host.service, []
    if service.get("exit_signal"):
        details.append("signal {0}".format(service["exit_signal"]))
    elif service.get("exit_code"):
        details.append("exit code {0}".format(service["exit_code"]))
    if service.get("result") not in (None, "", "success"):
        details.append(service["result"])
    if _met_memory_limit(service):
        details.append("its memory is limited to {0} MiB".format(service["memory_limit_bytes"] >> 20))
    line = last_line(host.samples)
    text = what + (" ({0})".format(", ".join(details)) if details else "")
    return text + (": " + line if line else ".")


def draining(case):
    """It is being stopped, or was told not to take tasks."""
    services, states = case.host.service_readings("state"), case.heartbeats.states()
    if services and services[-1] == "deactivating":
        cites = [cite(HOST, "service.state", services, "the service manager is stopping it")]
        cause = "It is being stopped, and ends its tasks first."
    elif states and states[-1] == "draining":
        cites = [cite(HOST, "heartbeat.state", states, "it ends its tasks and takes no new ones")]
        cause = "It ends its tasks and takes no new ones."
    elif case.declaration.maintenance and case.host.running is not False:
        cites, cause = [], "It was declared to be in maintenance."
    else:
        return None
    return found("draining", "draining", cause, cites, since=(case.host.service or {}).get("since"))


def not_ready(case):
    """A citation, if the host says that it has not become ready, in the last sample."""
    states = case.heartbeats.states()
    if states:
        return cite(HOST, "heartbeat.state", states, "it has not become ready") if states[-1] == "starting" else None
    services = case.host.service_readings("state")
    if services and services[-1] == "activating":
        return cite(HOST, "service.state", services, "the service manager still starts it")
    return None


def start_timed_out(case):
    """The service manager has ended its last start, which took too long, and starts it again."""
    service = case.host.service
    if not service or service["state"] != "activating" or case.control.answers or not _timed_out(case.host):
        return None
    services = case.host.service_readings("state")
    cites = [cite(HOST, "log.lines", [TIMED_OUT], "the service manager ended its last start")]
    cites.append(cite(HOST, "service.state", services, "it is being started again"))
    cause = "Its last start was ended after its timeout, and it is being started again"
    line = last_line(case.host.samples)
    return found("start_failed", "none", cause + (": " + line if line else "."), cites, since=service.get("since"))


def _timed_out(host):
    """Whether the last start that its log tells of has timed out: by systemd's own line, after which it was never ready."""
    if host.service.get("substate") in _WAITS:
        return host.service.get("result") == "timeout"
    lines = (host.samples[-1]["log"] or {}).get("lines") or ()
    for line in reversed(lines):
        entry = _JOURNAL.match(line)
        if entry and entry.group("who") == "systemd" and entry.group("says").startswith(READY):
            return False
        if entry and entry.group("who") == "systemd" and TIMED_OUT in entry.group("says"):
            return True
    return False


def starting(case):
    """It was started a short while ago, or works hard on its start."""
    age, grace = case.host.age(), case.declaration.start_grace
    service = case.host.service
    if service and (service.get("substate") in _WAITS or _ended_in_start(case.host)):
        return found("starting", "starting", "It ended, and the service manager is about to start it again.")
    if age is None:
        return None
    unready = not_ready(case)
    if age <= grace and (unready or (not case.control.answers and not case.heartbeats.fresh)):
        cites = [cite(HOST, "main.age", [age], "it was started {0} ago".format(seconds_text(age)))]
        return found(
            "starting",
            "starting",
            "It was started {0} ago, and may take {1}.".format(seconds_text(age), seconds_text(grace)),
            cites + ([unready] if unready else []),
        )
    cpu = case.host.cpu()
    if unready and not case.control.answers and cpu is not None and cpu >= _BUSY_START and age <= grace * _BUSY_GRACE:
        cites = [unready, cite(HOST, "cpu", [round(cpu, 2)], "its start takes the processor")]
        cause = "Its start takes longer than its grace of {0}, and is at work.".format(seconds_text(grace))
        return found("starting", "starting", cause, cites)
    return None


def start_held_up(case):
    """It would be called hung in its start, and the result backend does not answer: the next start waits for it, too."""
    backend = result_backend_unreachable(case)
    hung = hung_in_startup(case) if backend else None
    if not hung:
        return None
    cause = "{0} {1} Celery 5.5 and later waits for a database at its start.".format(hung["cause"], backend["cause"])
    return dict(
        backend, activity="starting", cause=cause, cites=[*backend["cites"], *hung["cites"]], since=hung["since"]
    )


def hung_in_startup(case):
    """It is past its grace, and was never ready."""
    age = case.host.age()
    if age is None or age <= case.declaration.start_grace or case.control.answers:
        return None
    cause = "It was started {0} ago and has not become ready.".format(seconds_text(age))
    since = case.now() - age
    states = case.heartbeats.states()
    if len(states) >= 2 and set(states) == {"starting"} and case.heartbeats.latest("ready_at") is None:
        cites = [cite(HOST, "heartbeat.state", states, "it has not become ready")]
        return found("hung_in_startup", "stalled", cause, [*cites, _aged(case, age)], since)
    services = case.host.service_readings("state")
    if len(services) >= 2 and set(services) == {"activating"} and case.host.mains and set(states) <= {"starting"}:
        cites = [cite(HOST, "service.state", services, "it has not told the service manager that it is ready")]
        return found("hung_in_startup", "stalled", cause, [*cites, _aged(case, age)], since)
    silent, line = case.control.silent(), _startup_line(case)
    if silent and line and not case.heartbeats.fresh and not case.fleet.mute and len(case.host.mains) >= 2:
        cites = [silent, cite(HOST, "log.lines", line, "its log ends in its start"), _aged(case, age)]
        return found("hung_in_startup", "stalled", cause, cites, since)
    return None


def _aged(case, age):
    return cite(HOST, "main.age", [main["age"] for main in case.host.mains] or [age], "past the start grace")


def _startup_line(case):
    """The last line of the log in each look, if all are lines of a start that no "ready" follows."""
    ends = []
    for sample in case.host.samples:
        lines = (sample["log"] or {}).get("lines") or []
        said = [line for line in lines if line.strip()]
        if not said or not any(word in said[-1] for word in ("mingle:", "Connected to ")):
            return []
        ends.append(said[-1].strip()[:200])
    return ends if len(ends) >= 2 else []


def duplicate_name(case):
    """Two processes answer to one name, so no reply can be trusted."""
    if any(sample["twins"] for sample in case.control.answers):
        cites = [
            cite(CONTROL, "duplicates", [s["twins"] for s in case.control.answers], "more than one process answers")
        ]
        return found("duplicate_name", "unknown", "More than one process answers to this name.", cites)
    own = {main_pid(sample) for sample in case.host.samples} - {None}
    tree = {one["pid"] for s in case.host.samples for one in (*(s["children"] or ()), *(s["others"] or ()))}
    answering = case.control.readings("pid")
    if len(own) != 1 or len(answering) < 2 or not case.host.running or (own | tree) & set(answering):
        return None
    cites = [
        cite(CONTROL, "stats.pid", answering, "the process that answers"),
        cite(HOST, "service.main_pid", sorted(own), "the process that the service manager runs"),
    ]
    cause = "Process {0} answers to this name, and the service's own is {1}.".format(answering[-1], own.pop())
    return found("duplicate_name", "unknown", cause, cites)
