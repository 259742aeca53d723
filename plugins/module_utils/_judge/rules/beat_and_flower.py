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
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.rules.service import (
    failed_service,
    looping_service,
    service_of,
    stopped_service,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.rules.stuck import STOPPED


class Service:
    """Beat or Flower, with the looks at it."""

    def __init__(self, kind, declared, fleet):
        self.kind = kind
        self.declared = declared
        self.fleet = fleet
        self.host = fleet.host(declared["host"])
        self.samples = known(sample[kind] for sample in self.host["samples"])
        self.pages = fleet.evidence["pages"].get(kind, ())
        self.service = next((s["service"] for s in reversed(self.samples) if s["service"]), None)

    @property
    def mains(self):
        """The main process in each look, if it is the same in all."""
        mains = known(sample["main"] for sample in self.samples)
        return mains if len({main["pid"] for main in mains}) == 1 else []

    def beats(self):
        """Fresh heartbeats of this process."""
        pids = {main["pid"] for main in self.mains}
        limit = self.fleet.policy["stall_after"]
        told = known(sample["heartbeat"] for sample in self.samples)
        return [one for one in told if one.get("pid") in pids and one["age"] is not None and one["age"] <= limit]


def no_host(one):
    """Its host cannot be looked at."""
    if one.host["reachable"]:
        return None
    reason = "host_unreachable" if one.host["reachable"] is False else "insufficient_evidence"
    return found(reason, "unknown", "Nothing is known of its host: {0}.".format(one.host["why"]))


def not_running(one):
    """It has no process."""
    if not one.samples:
        cause = "It is declared for this host, and is not deployed there."
        return found("not_running", "none", cause, [cite(HOST, one.kind, [None], "no such service")])
    return stopped_service(one.samples, one.service)


def broker_down(one):
    """It ends or waits because the broker does."""
    waits = [beat for beat in one.beats() if beat.get("state") == "broker_down"]
    if one.fleet.refusing():
        return found("broker_refusing", "unknown", "The broker answers and refuses: {0}".format(one.fleet.refusing()))
    if one.fleet.reachable() is False or waits:
        return found("broker_unreachable", "unknown", "The broker does not answer.")
    return None


def crash_looping(one):
    """It is started again and again."""
    return looping_service(one.samples, one.service, one.fleet.policy)


def start_failed(one):
    """It could not be started."""
    return failed_service(one.samples, one.service)


def draining(one):
    """It is being stopped."""
    states = service_of(one.samples)
    if not states or states[-1] != "deactivating":
        return None
    return found("draining", "draining", "It is being stopped.", [cite(HOST, "service.state", states, "being stopped")])


def starting(one):
    """It was started a short while ago."""
    main = one.samples[-1]["main"]
    if main and main["age"] <= one.fleet.policy["start_grace"] and not one.beats() and not _page(one):
        return found("starting", "starting", "It was started {0} ago.".format(seconds_text(main["age"])))
    return None


def stopped(one):
    """A signal has stopped it."""
    states = [main["state"] for main in one.mains]
    if len(states) < 2 or any(state not in STOPPED for state in states):
        return None
    cites = [cite(HOST, "main.state", states, "the process is stopped")]
    return found("loop_stalled", "stalled", "A signal has stopped its process.", cites)


def overdue(one):
    """Its next tick is overdue, by the word of its own heartbeat."""
    said = [beat.get("problem") or "" for beat in one.beats()]
    if len(said) < 2 or set(said) != {"loop_stalled"}:
        return None
    detail = one.beats()[-1].get("detail") or "its loop does not turn"
    return found(
        "loop_stalled",
        "stalled",
        "It does not tick: {0}.".format(detail),
        [cite(HOST, "heartbeat.problem", said, detail)],
    )


def deadlocked(one):
    """Its only thread waits for a lock that no other can free."""
    mains = one.mains
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
    if len(pages) < 2 or any(page["ok"] is not False for page in pages) or not one.mains:
        return None
    error = pages[-1]["error"] or "no answer"
    cites = [cite(HOST, "page.ok", [False] * len(pages), error)]
    return found("loop_stalled", "stalled", "It runs, and its page does not answer ({0}).".format(error), cites)


def works(one):
    """It ticks, or its page answers."""
    page, beats = _page(one), one.beats()
    if page:
        return found("busy", "busy", "Its page answers.", [cite(HOST, "page.ok", [True], "its page answers")])
    if not beats or beats[-1].get("state") != "ready" or beats[-1].get("problem"):
        return None
    ticks = known(beat.get("ticks_total") for beat in beats)
    cites = [cite(HOST, "heartbeat.ticks_total", ticks or [None], "it ticks in time")]
    return found("busy", "busy", "It ticks in time.", cites)


def unproven(one):
    """It runs, and nothing more is known."""
    if not one.samples[-1]["main"]:
        return found("insufficient_evidence", "unknown", "Its processes are not known.")
    cites = [cite(HOST, "main.state", [main["state"] for main in one.mains], "its process runs")]
    return found("idle", "idle_unproven", "It runs. Whether it works is not known.", cites)


def _page(one):
    return bool(one.pages and one.pages[-1]["ok"])


RULES = (
    no_host,
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
