"""Keeps what the judge was given in each incident, where TASKFLEET_KEEP_EVIDENCE names a directory.

Each incident has a file of its own, which the unit tests of the judge can read as it is:

    incident, what  its name, and what it is
    taken_on        Celery, kombu, Python, the broker, the operating system, the service manager
    pool            of the worker that it happened to, or of all
    expected        `node` with verdict and reason, or `finding`; `*` is every node. `cites` is what the judge cited
    given           all that judging takes, before it is examined: `judged(**given)` of _judge/fleet_health.py

To keep it small, what CUTS have is left out, each where all that is said of the incident stays the same without it, also where
nobody had heartbeats. All else is as it was, without passwords.
"""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path

from ansible_collections.taskfleet.celery.plugins.module_utils._common.packing import pack, unpack
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import conceal
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.fleet_health import judged
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.recorded import (
    samples,
    without_heartbeats,
)

DIRECTORY = os.environ.get("TASKFLEET_KEEP_EVIDENCE")
# A playbook judges more than once, and each time into a file of its own.
VARIABLES = (
    {"celery_health_given_file": "{{ celery_report_dir }}/given-{{ now().timestamp() }}.json"} if DIRECTORY else {}
)
WIDTH = 400  # of a line: a process, a socket or a queue has one of its own
LOG_LINES = 3  # of a log that is longer than anybody reads

VERSIONS = "import celery, kombu, platform; print(celery.__version__, kombu.__version__, platform.python_version())"


def taken_on(fleet):
    """Return what the fleet is made of. Its broker has to answer."""
    celery, kombu, python = fleet.check(f'{fleet.host.facts["python"]} -c "{VERSIONS}"').split()
    redis = dict(line.partition(":")[::2] for line in fleet.redis("INFO", "server").splitlines())
    return {
        "celery": celery,
        "kombu": kombu,
        "python": python,
        "broker": f"redis {redis['redis_version']}",
        "os": fleet.check(". /etc/os-release; echo $PRETTY_NAME"),
        "service_manager": " ".join(fleet.check("systemctl --version").split()[:2]),
    }


class Recorder:
    """What is kept of a round."""

    def __init__(self, fleet):
        self.taken_on = taken_on(fleet) if DIRECTORY else {}
        self.literals = literals(fleet) if DIRECTORY else ()

    def keep(self, story):
        """Write a recording of each incident."""
        if not DIRECTORY:
            return
        given = given_before(story.heal)
        Path(DIRECTORY).mkdir(parents=True, exist_ok=True)
        for one in story.incidents:
            recording = conceal(self.recording(one, given), self.literals)
            Path(DIRECTORY, f"{one.name}.json").write_text(text(recording) + "\n", encoding="utf-8")

    def recording(self, one, given):
        """Return that of an incident."""
        node = one.found.get("node", "") if one.NODE else "*"
        return {
            "incident": one.name,
            "what": one.module.__doc__.strip().splitlines()[0],
            "taken_on": self.taken_on,
            "pool": pools(given, node),
            "expected": expected(one, node),
            "given": smaller(one, node, given),
        }


def literals(fleet):
    """Return what nobody needs to know: passwords, and the name that the container runtime gave to the host."""
    found = fleet.host.on.run("grep --only-matching --max-count=1 'containers/[0-9a-f]*' /proc/self/mountinfo").stdout
    container = found.partition("\n")[0].rpartition("/")[2].strip()
    return [*fleet.host.secrets.values(), *([container, container[:12]] if container else [])]


def given_before(run):
    """Return what the judge was given for the report from which the plan was made."""
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(run.directory.glob("given-*.json"))]
    found = [given for given in kept if report_of(given) == run.before]
    assert found, f"none of {len(kept)} files of what the judge was given makes the report that it made"
    return found[0]


def report_of(given):
    """Return the report, as a file has it."""
    return json.loads(json.dumps(judged(**given)["report"]))


def smaller(one, node, given):
    """Return what was given without what does not matter to the incident."""
    for cut in CUTS:
        less = copy.deepcopy(given)
        cut(less, node)
        if all(said(one, change(less)) == said(one, change(given)) for change in (dict, without_heartbeats)):
            given = less
    return given


def processes_of_the_host(given, _node):
    """Drop those that are listed besides those of each service, for who wants to know what runs there."""
    for _host, sample in samples(given):
        sample["processes"] = []


def looks_at_others(given, node):
    """Drop them. What other workers answer stays."""
    mine = {(one["host"], one["instance"]) for one in given["params"]["expected"] if node in (one["node"], "*")}
    for host, sample in samples(given):
        sample["instances"] = {name: look for name, look in sample["instances"].items() if (host, name) in mine}


def other_workers(given, node):
    """Leave them and their queues out, as --limit does."""
    params, answers = given["params"], given["asked"].get("reply") or {}
    mine = [one for one in params["expected"] if one["node"] == node]
    others = [one for one in params["expected"] if one["node"] != node]
    if not mine:
        return
    params["expected"] = mine
    params["elsewhere"] = [*params["elsewhere"], *(one["node"] for one in others)]
    theirs = {name for one in others for name in one["queues"]}.difference(mine[0]["queues"])
    for sample in answers.get("control", ()):
        sample.update(pack([reply for reply in unpack(sample) if reply[1] not in params["elsewhere"]]))
    for sample in answers.get("queues", ()):
        sample["queues"] = {name: queue for name, queue in sample["queues"].items() if name not in theirs}


def beat_and_flower(given, _node):
    """Drop both, and that they are declared."""
    given["params"].update(beat=None, flower=None)
    for _host, sample in samples(given):
        sample.update(beat=None, flower=None)


def long_logs(given, _node):
    """Drop all lines but the last."""
    for _host, sample in samples(given):
        for look in (*sample["instances"].values(), sample["beat"], sample["flower"]):
            if look and look["log"]:
                look["log"]["lines"] = look["log"]["lines"][-LOG_LINES:]


CUTS = (processes_of_the_host, looks_at_others, other_workers, beat_and_flower, long_logs)


def said(one, given):
    """Return what the judge says of an incident."""
    verdict = one.find_in(report_of(given))
    return verdict["verdict"], verdict["reason"], verdict["cause"], verdict.get("activity"), cited(verdict)


def cited(verdict):
    """Return the evidence that decided a verdict."""
    return verdict.get("evidence", {}).get("decided_by", [])


def pools(given, node):
    """Return the pool of a node, or all that there are."""
    found = {one["pool"] for one in given["params"]["expected"] if node in (one["node"], "*")}
    return ", ".join(sorted(found)) or None


def expected(one, node):
    """Return what is to be found: what the file of the incident expects, and what the judge cites for it."""
    verdict, reason = one.verdict if one.verdict in one.expected else one.EXPECTED
    if verdict == "finding":
        return {"finding": reason}
    cites = [f"{cite['source']} {cite['item']}" for cite in cited(one.found)]
    return {"node": node, "verdict": verdict, "reason": reason, "activity": one.found.get("activity"), "cites": cites}


def text(value, indent=""):
    """Return JSON in which each thing is in one line that fits into one."""
    flat = json.dumps(value)
    if not isinstance(value, (dict, list)) or not value or len(indent) + len(flat) <= WIDTH:
        return flat
    inner = indent + " "
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {text(item, inner)}" for key, item in value.items()]
    else:
        items = [text(item, inner) for item in value]
    first, last = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{first}\n{inner}" + f",\n{inner}".join(items) + f"\n{indent}{last}"
