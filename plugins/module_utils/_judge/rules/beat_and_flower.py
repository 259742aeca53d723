# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules about beat and Flower. They answer no remote control, so the host is the only witness.

Pure. Private to the collection.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import (
    HOST,
    cite,
    found,
    known,
    seconds_text,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.host import HostEvidence
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.rules.service import (
    failed_service,
    looping_service,
    stopped_service,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.rules.stuck import STOPPED


class Service:
    """Beat or Flower, with the looks at it."""

    def __init__(self, kind, declared, fleet):
        self.kind = kind
        self.declared = declared
        self.fleet = fleet
        self.machine = fleet.host(declared["host"])
        self.host = HostEvidence(known(sample[kind] for sample in self.machine["samples"]))
        self.pages = fleet.evidence["pages"].get(kind, ())

    def heartbeats(self):
        """Fresh heartbeats of this process."""
        pids = {main["pid"] for main in self.host.mains}
        limit = self.fleet.policy["stall_after"]
        found = known(sample["heartbeat"] for sample in self.host.samples)
        return [one for one in found if one.get("pid") in pids and one["age"] is not None and one["age"] <= limit]

    def page_answers(self):
        """Whether its page answered at the last look."""
        return bool(self.pages and self.pages[-1]["ok"])


def no_host(one):
    """Its host cannot be looked at."""
    if one.machine["reachable"]:
        return None
    reason = "host_unreachable" if one.machine["reachable"] is False else "insufficient_evidence"
    return found(reason, "unknown", "Nothing is known of its host: {0}.".format(one.machine["why"]))


def look_failed(one):
    """Its host answers, and the look at it failed, so nothing is known of what it runs."""
    if one.host.samples or not one.machine["why"]:
        return None
    return found("probe_failed", "unknown", "Nothing is known of its host: {0}.".format(one.machine["why"].rstrip(".")))


def not_running(one):
    """It has no process."""
    if not one.host.samples:
        cause = "It is declared for this host, and is not deployed there."
        return found("not_running", "none", cause, [cite(HOST, one.kind, [None], "no such service")])
    return stopped_service(one.host)


def broker_down(one):
    """It ends or waits because the broker does."""
    waits = any(heartbeat.get("state") == "broker_down" for heartbeat in one.heartbeats())
    if one.fleet.refusing():
        return found("broker_refusing", "unknown", "The broker answers and refuses: {0}".format(one.fleet.refusing()))
    if one.fleet.reachable() is False or waits:
        return found("broker_unreachable", "unknown", "The broker does not answer.")
    return None


def crash_looping(one):
    """It is started again and again."""
    return looping_service(one.host, one.fleet.policy)


def start_failed(one):
    """It could not be started."""
    return failed_service(one.host)


def draining(one):
    """It is being stopped."""
    states = one.host.service_readings("state")
    if not states or states[-1] != "deactivating":
        return None
    return found("draining", "draining", "It is being stopped.", [cite(HOST, "service.state", states, "being stopped")])


def starting(one):
    """It was started a short while ago."""
    main = one.host.samples[-1]["main"]
    if main and main["age"] <= one.fleet.policy["start_grace"] and not one.heartbeats() and not one.page_answers():
        return found("starting", "starting", "It was started {0} ago.".format(seconds_text(main["age"])))
    return None


def stopped(one):
    """A signal has stopped it."""
    states = [main["state"] for main in one.host.mains]
    if len(states) < 2 or any(state not in STOPPED for state in states):
        return None
    cites = [cite(HOST, "main.state", states, "the process is stopped")]
    return found("loop_stalled", "stalled", "A signal has stopped its process.", cites)


def overdue(one):
    """Its next tick is overdue, by the word of its own heartbeat."""
    said = [heartbeat.get("problem") or "" for heartbeat in one.heartbeats()]
    if len(said) < 2 or set(said) != {"loop_stalled"}:
        return None
    detail = one.heartbeats()[-1].get("detail") or "its loop does not turn"
    return found(
        "loop_stalled",
        "stalled",
        "It does not tick: {0}.".format(detail),
        [cite(HOST, "heartbeat.problem", said, detail)],
    )


def deadlocked(one):
    """Its only thread waits for a lock that no other can free."""
    mains = one.host.mains
    locked = [
        main.get("threads") == 1 and (main.get("wchan") or "").startswith("futex") and not main.get("cpu_seconds")
        for main in mains
    ]
    if len(locked) < 2 or not all(locked):
        return None
    cites = [cite(HOST, "main.wchan", [main["wchan"] for main in mains], "its only thread waits for a lock")]
    return found("loop_stalled", "stalled", "Its only thread waits for a lock that nobody frees.", cites)


def page_dead(one):
    """Flower runs, and its page does not answer."""
    pages = one.pages
    if len(pages) < 2 or any(page["ok"] is not False for page in pages) or not one.host.mains:
        return None
    error = pages[-1]["error"] or "no answer"
    cites = [cite(HOST, "page.ok", [False] * len(pages), error)]
    return found("loop_stalled", "stalled", "It runs, and its page does not answer ({0}).".format(error), cites)


def works(one):
    """It ticks, or its page answers."""
    heartbeats = one.heartbeats()
    if one.page_answers():
        return found("busy", "busy", "Its page answers.", [cite(HOST, "page.ok", [True], "its page answers")])
    if not heartbeats or heartbeats[-1].get("state") != "ready" or heartbeats[-1].get("problem"):
        return None
    ticks = known(heartbeat.get("ticks_total") for heartbeat in heartbeats)
    cites = [cite(HOST, "heartbeat.ticks_total", ticks or [None], "it ticks in time")]
    return found("busy", "busy", "It ticks in time.", cites)


def unproven(one):
    """It runs, and nothing more is known."""
    if not one.host.samples[-1]["main"]:
        return found("insufficient_evidence", "unknown", "Its processes are not known.")
    cites = [cite(HOST, "main.state", [main["state"] for main in one.host.mains], "its process runs")]
    return found("idle", "idle_unproven", "It runs. Whether it works is not known.", cites)


RULES = (
    no_host,
    look_failed,
    not_running,
    broker_down,
    crash_looping,
    start_failed,
    draining,
    stopped,
    starting,
    overdue,
    deadlocked,
    page_dead,
    works,
    unproven,
)
