"""What all faults and false alarms share: how to hurt the fleet, and how a round of them is played.

Incidents that do not disturb each other are of one round: they begin together, and one `restart_idle` judges them all and
heals them all, while a ledger of tasks runs through the fleet. A file of its own tells each incident:

    ROUND       its round, of ROUNDS
    NODE        the worker that it happens to; "" for the whole fleet
    EXPECTED    verdict and reason before it is healed
    OR          others that are as right, where the moment of the look decides
    ACTION      what restart_idle does: restart, start, or none
    ALSO        instances that it leaves without a verdict, beside NODE
    EXITS       the exit codes that it leads to: of health while it lasts, and of restart_idle: 2 where a person has to act
    inject      makes it
    WHEN        early or late: before the others of its round, when it takes long to come about, or after them (may be
                left out, as may all below)
    settled     answers whether it has come about
    relieve     takes the cause away that no restart fixes, before restart_idle
    undo        puts right what restart_idle has to leave alone
    healed      further proof that it is healed
    find        takes from a report what is said of it, where that is not the verdict on NODE
    MOVES       true: making it, or undoing it, restarts NODE
    INVENTORIES further inventories to run the playbooks with
"""

from __future__ import annotations

import contextlib
import importlib
import json
import shlex
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from helpers import APPS, HOSTS, Service
from lab import Ledger, moved, pids, playbook
from recorder import VARIABLES, Recorder
from waiting import wait_for

# In this order. The fleet is well after each.
ROUNDS = (
    "alone",
    "deployed",
    "broker_stopped",
    "broker_full",
    "unseen",
    "bad_deploy",
    "settings",
    "deeper",
    "wrong_password",
    "broker_frozen",
    "broker_replica",
    "mute",
)
# The one that `make test` plays: faults that a restart heals, and a false alarm. `make faults` plays all.
QUICK_ROUND = "alone"

# Short patience, and brakes that let a fleet be healed at once that is broken on purpose.
PATIENCE = {"celery_health_start_grace": 40, "celery_health_interval": 5, "celery_health_stall_after": 10}
OPEN_BRAKES = {"celery_heal_max_fraction": 1.0, "celery_heal_cooldown": 0}


class LabFleet:
    """The one host of the scenario, by what can be done to it."""

    def __init__(self):
        [self.host] = HOSTS
        [self.app] = APPS
        self.ledger = None  # of the round that is played

    def node(self, name):
        """Return the node name of a worker."""
        return f"{name}@{self.host.name}"

    def service(self, name):
        """Return the service of a worker."""
        return Service(self.host, "worker", name)

    def pid(self, name):
        """Return the main pid of a worker."""
        return self.service(name).pid

    def check(self, command):
        """Run a command on the host."""
        return self.host.check(command)

    def signal(self, name, *pids):
        """Send a signal to processes."""
        self.check(f"kill -{name} {' '.join(map(str, pids))}")

    def children(self, name):
        """Return the pids of a worker's pool."""
        return [int(pid) for pid in self.host.on.run(f"pgrep --parent {self.pid(name)}").stdout.split()]

    def redis(self, *arguments):
        """Run redis-cli."""
        words = " ".join(shlex.quote(str(argument)) for argument in arguments)
        return self.check(f"REDISCLI_AUTH={self.host.secrets['broker']} redis-cli --no-auth-warning {words}")

    def settings_file(self, name):
        """Return the path of a worker's own settings."""
        return f"/var/lib/shop/{name}.json"

    def settings(self, name, **settings):
        """Give a worker settings of its own, which it reads at its next start."""
        text = shlex.quote(json.dumps(settings))
        path = self.settings_file(name)
        self.check(f"rm -f {path} && printf %s {text} > {path} && chmod 0644 {path}")

    def no_settings(self, name):
        """Take them away."""
        self.check(f"rm -f {self.settings_file(name)}")

    def restart_with(self, name, **settings):
        """Restart a worker with settings of its own, or with none."""
        if settings:
            self.settings(name, **settings)
        else:
            self.no_settings(name)
        self.restart(name)

    def beside(self, unit, command):
        """Run a command of the application as a unit that nobody has declared. It ends by itself after half an hour."""
        options = f"--unit={unit} --uid=shop --property=TimeoutStopSec=10 --property=RuntimeMaxSec=1800 --collect"
        self.check(f"systemd-run {options} /usr/local/bin/shop-run {command}")

    def restart(self, name):
        """Restart a worker, and do not wait until it has started."""
        before = self.pid(name)
        self.check(f"systemctl restart --no-block {self.service(name).name}.service")
        wait_for(lambda: self.pid(name) != before or not before, f"the old process of {name} ends")

    def control(self, name, command, **arguments):
        """Send a command of remote control to a worker, which must do it."""
        replies = self.host.client(do="control", command=command, nodes=[self.node(name)], arguments=arguments)
        assert [list(answer[self.node(name)]) for answer in replies] == [["ok"]], replies

    def send(self, task, *args, module="shop.tasks", **options):
        """Send tasks, and do not wait for them."""
        self.host.client(do="send", task=f"{module}.{task}", args=args, **options)

    def heartbeats(self):
        """Return {worker: what its sentinel says}, of those that say something."""
        text = self.host.on.run(
            "cd /run/shop && for f in worker-*.heartbeat.json; do tr -d '\\n' <$f; echo; done"
        ).stdout
        found = {}
        for line in text.splitlines():
            with contextlib.suppress(ValueError):
                heartbeat = json.loads(line)
                found[heartbeat.get("node", "").partition("@")[0]] = heartbeat
        return found

    def problem(self, name):
        """Return what a worker's sentinel complains of, or an empty text."""
        return self.heartbeats().get(name, {}).get("problem", "")

    def unhealthy(self, names=None):
        """Return the workers that do not run, or whose sentinel says that they do not work."""
        running, heartbeats = pids(), self.heartbeats()
        workers = [worker for worker in self.host.workers if names is None or worker.instance in names]
        return [one.instance for one in workers if not well(one, running[one.node], heartbeats.get(one.instance))]

    def fix(self):
        """Bring the fleet back from a round that was broken off."""
        settings = self.host.on.run("ls /var/lib/shop/*.json").stdout.split()
        changed = {Path(path).stem for path in settings}
        self.host.on.run("iptables -F; rm -f /var/lib/shop/*.json; systemctl start redis-server")
        self.host.on.run("systemctl stop laptop second twin")
        self.host.on.run("systemctl kill --signal=CONT --kill-whom=all 'shop-*.service'; systemctl reset-failed")
        for name in changed.union(self.unhealthy()):
            self.restart(name)

    def wait_well(self):
        """Wait until all workers are well."""
        wait_for(lambda: not self.unhealthy(), "all workers are well, by the word of their sentinels")


def well(worker, pid, heartbeat):
    """Whether a worker runs, and its sentinel finds nothing wrong. That of `blind` only says that it has started."""
    if not pid or worker.instance == "blind":
        return bool(pid) and worker.is_running
    fresh = heartbeat and heartbeat["pid"] == pid and time.time() - heartbeat["written_at"] <= 5
    return bool(fresh and heartbeat["state"] == "ready" and not heartbeat["problem"])


@dataclass
class Incident:
    """One file of this directory, and what became of it."""

    name: str
    module: object
    begun: float = 0.0
    seconds: float | None = None
    found: dict = field(default_factory=dict)  # what was said of it before anything was done
    action: str = ""

    def __getattr__(self, name):
        """ROUND, NODE, EXPECTED and ACTION, and what is done."""
        return getattr(self.module, name)

    def do(self, step, *arguments):
        """Take a step, where the file has it."""
        return getattr(self.module, step, lambda *_arguments: True)(*arguments)

    def find_in(self, report):
        """Return what a report says of it, in the form of a verdict."""
        return self.do("find", report) if hasattr(self.module, "find") else by_node(self.NODE, report)

    def is_found_in(self, report):
        """Whether a report has one of the verdicts that are right."""
        found = self.find_in(report)
        return (found["verdict"], found["reason"]) in self.expected

    @property
    def verdict(self):
        """Return verdict and reason before anything was done."""
        return self.found["verdict"], self.found["reason"]

    def exit_code(self, report):
        """Return the exit code that a report leads to because of it."""
        verdict, reason = self.EXPECTED
        failing = [name for name in report["failed"] if self._is_about(name, verdict, reason)]
        return 2 if failing else 0

    def _is_about(self, name, verdict, reason):
        if verdict == "finding":
            return name.startswith(f"{reason} ")
        nodes = (self.found["node"] if self.NODE else "broker", *getattr(self.module, "ALSO", ()))
        return name in nodes or name.partition("@")[0] in nodes

    @property
    def expected(self):
        """Return the verdicts and reasons that are right."""
        return [self.EXPECTED, *getattr(self.module, "OR", ())]


@dataclass
class Story:
    """How a round went."""

    incidents: list
    heal: object = None
    sent: int = 0
    lost: dict = field(default_factory=dict)
    held: str = ""
    touched: list = field(default_factory=list)


def all_incidents():
    """Return every incident, by round."""
    names = sorted(
        path.stem for path in Path(__file__).parent.glob("*.py") if path.stem.startswith(("fault_", "alarm_"))
    )
    found = [Incident(name, importlib.import_module(name)) for name in names]
    return sorted(found, key=lambda one: (ROUNDS.index(one.ROUND), one.name))


class Watch(threading.Thread):
    """Notes when each unhealthy worker is well again."""

    def __init__(self, fleet, incidents, before):
        super().__init__(daemon=True)
        self.fleet, self.before = fleet, before
        self.open = {one.NODE: one for one in incidents if one.ACTION in ("restart", "start")}
        self.over = threading.Event()

    def run(self):
        """Look until all are well, or nobody waits for it; then once more, as they may have become so since the last look."""
        while self.open and not self.over.wait(1):
            self.look()
        self.look()

    def look(self):
        """Note those that are well, and another process than before."""
        unhealthy, running = self.fleet.unhealthy(self.open), pids()
        for name in list(self.open):
            if name not in unhealthy and running[self.fleet.node(name)] != self.before[self.fleet.node(name)]:
                one = self.open.pop(name)
                one.seconds = round(time.monotonic() - one.begun, 1)


def steady_tasks(host):
    """A ledger of short tasks through the fleet. On a machine that stands still, the fleet's own limits would end them."""
    limits = {"soft_time_limit": 600, "time_limit": 900}
    return Ledger(host, args=[0.05], queues=["default", "orders"], rate=4, **limits)


def play(incidents, fleet):
    """Play a round: hurt, judge, heal, and put right what is to be left alone."""
    story = Story(incidents)
    fleet.wait_well()
    recorder, before = Recorder(fleet), pids()
    try:
        with steady_tasks(fleet.host) as ledger:
            fleet.ledger = ledger
            for when in ("early", "", "late"):
                begin([one for one in incidents if getattr(one.module, "WHEN", "") == when], fleet)
            hurt = pids()
            for one in incidents:
                one.do("relieve", fleet)
            watch = Watch(fleet, incidents, hurt)
            watch.start()
            story.heal = heal(incidents)
            for one in incidents:
                one.found = one.find_in(story.heal.before)
                restarted = {entry["node"]: entry["action"] for entry in (story.heal.heal or {}).get("restarted", ())}
                one.action = (
                    restarted.get(fleet.node(one.NODE), "none") if one.NODE else ("some" if restarted else "none")
                )
            for one in incidents:
                one.do("undo", fleet)
            fleet.wait_well()
            watch.over.set()
            watch.join()
            story.lost = ledger.lost()
            story.sent = len(ledger.sent)
            story.held = fleet.redis("HVALS", "unacked") if story.lost else ""
        recorder.keep(story)
    except BaseException:
        fleet.fix()
        raise
    hit = {fleet.node(one.NODE) for one in incidents if one.NODE and getattr(one.module, "MOVES", one.ACTION != "none")}
    story.touched = sorted(moved(before) - hit)
    return story


def begin(incidents, fleet):
    """Make incidents, and wait until they have come about."""
    for one in incidents:
        one.begun = time.monotonic()
        one.do("inject", fleet)
    for one in incidents:
        wait_for(lambda one=one: one.do("settled", fleet), f"{one.name} has come about")


def heal(incidents):
    """Run restart_idle, with the further inventories that the incidents have.

    And again, twice at most, where the broker or the whole fleet answered too late for it, so that it touched nobody:
    where what is played looks like that, until it is found.
    """
    further = [path for one in incidents for path in getattr(one.module, "INVENTORIES", ())]
    for _turn in range(3):
        run = playbook("restart_idle", inventories=further, **PATIENCE, **OPEN_BRAKES, **VARIABLES)
        assert run.report, run.stdout[-6000:]
        if not came_too_late(run.before) or all(one.is_found_in(run.before) for one in incidents):
            break
    return run


def came_too_late(report):
    """Tell whether the broker, or all workers at once, did not answer in time: on a machine that stands still, they do not."""
    reasons = {node["reason"] for node in report["nodes"]}
    return report["broker"]["reachable"] is False or "broker_unreachable" in reasons


def by_node(name, report):
    """Return the verdict on a worker; for the whole fleet the one that all have."""
    if not name:
        reasons = {(node["verdict"], node["reason"]) for node in report["nodes"]}
        return (
            report["nodes"][0]
            if len(reasons) == 1
            else {"verdict": "mixed", "reason": str(sorted(reasons)), "cause": ""}
        )
    nothing = {"verdict": "none", "reason": "not in the report", "cause": ""}
    return next((node for node in report["nodes"] if node["instance"] == name and node["host"] != "gone"), nothing)


def finding(reason, report):
    """Return a finding in the form of a verdict."""
    found = [one for one in report["findings"] if one["reason"] == reason]
    return {"verdict": "finding", "reason": reason if found else "not in the report", "cause": str(found)}
