"""What incidents are told with: a playbook and its report, who runs as which process, and a ledger of tasks."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import threading
import time
import uuid
from collections import Counter
from pathlib import Path

from helpers import APPS, HOSTS, PROJECT, ansible, deploy, failures
from waiting import PATIENCE, wait_for

# What is left for whoever wants to understand a run afterwards.
LOGS = PROJECT / ".cache" / "logs" / os.environ["MOLECULE_SCENARIO_NAME"]
# Tests of several applications run side by side, in a process each.
PROCESS = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
RUNS = itertools.count(1)

LOG_LINES = 20_000  # of a worker, looked through for a task that was lost
SENDER = Path(__file__).with_name("sender.py").read_text(encoding="utf-8")


class Run:
    """A playbook that was run, and what it wrote."""

    def __init__(self, done, directory):
        self.directory = directory
        self.rc = done.returncode
        self.stdout = done.stdout + done.stderr
        self.report = _read(directory / "report.json")
        self.before = _read(directory / "before.json")
        self.heal = _read(directory / "heal.json") or _read(directory / "rolling.json")

    @property
    def verdicts(self):
        """Return {node: (verdict, reason)}."""
        return {node["node"]: (node["verdict"], node["reason"]) for node in (self.report or {"nodes": ()})["nodes"]}

    @property
    def unhealthy(self):
        """Return {node, "beat" or "flower": (verdict, reason)} of all that are neither healthy nor still starting."""
        report = self.report or {"nodes": (), "beat": None, "flower": None}
        singles = {
            kind: (report[kind]["verdict"], report[kind]["reason"]) for kind in ("beat", "flower") if report[kind]
        }
        return {
            name: found
            for name, found in {**self.verdicts, **singles}.items()
            if found[0] not in ("healthy", "starting")
        }

    @property
    def is_decided(self):
        """Whether there is a verdict on everything."""
        return "unknown" not in {verdict for verdict, _reason in self.unhealthy.values()}

    @property
    def findings(self):
        """Return {(reason, subject)} of what no single node is guilty of."""
        return {(finding["reason"], finding["subject"]) for finding in (self.report or {"findings": ()})["findings"]}

    @property
    def causes(self):
        """Return {node: the cause of its verdict}, for the message of an assertion."""
        return {node["node"]: node["cause"] for node in (self.report or {"nodes": ()})["nodes"]}

    @property
    def restarted(self):
        """Return the nodes that were restarted or started."""
        return [node["node"] for node in (self.heal or {"restarted": ()})["restarted"]]


def _read(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def playbook(name, check=False, inventories=(), **extra_vars):
    """Run a playbook of the collection on the scenario's inventories, and on further ones.

    Its reports go to a directory of their own, and are kept.
    """
    directory = report_directory(name)
    variables = {"celery_report_dir": str(directory), **extra_vars}
    arguments = [f"--inventory={path}" for path in inventories] + (["--check"] if check else [])
    arguments += ["--extra-vars", json.dumps(variables), f"taskfleet.celery.{name}"]
    return Run(ansible("ansible-playbook", *arguments), directory)


def report_directory(name):
    """Return where a run writes its reports: a directory that is not there yet, for a run reads those that it finds."""
    numbered = (LOGS / "reports" / f"{number:02}-{name}-{PROCESS}" for number in RUNS)
    return next(path for path in numbered if not path.exists())


def concluded(name, **options):
    """Run a playbook that judges, and again, twice at most, if it neither acted nor came to a verdict on each node.

    On a machine that has too much to do, a broker may answer too late for one of the samples.
    """
    for _turn in range(3):
        run = playbook(name, **options)
        if run.restarted or run.is_decided:
            break
    return run


def decided(run):
    """Return a run that acted; where it did not come to a verdict on each node at the end, look again."""
    return run if run.is_decided else concluded("health")


def pids(app=None):
    """Return {node: main pid} of every declared worker; 0 for one that does not run."""
    found = {}
    for host in HOSTS:
        workers = [worker for worker in host.workers if app in (None, host.app)]
        if not workers:
            continue
        if host.manager == "systemd":
            units = " ".join(f"{worker.name}.service" for worker in workers)
            pids = host.check(f"systemctl show --property=MainPID --value {units}").split()
            found.update(zip([worker.node for worker in workers], map(int, pids), strict=True))
        else:
            found.update((worker.node, worker.pid) for worker in workers)
    return found


def moved(before, app=None):
    """Return the nodes whose main process is not the one that it was."""
    return {node for node, pid in pids(app).items() if pid != before[node]}


def url_is_refused(url, secret, layer, limit):
    """Deploy with another broker URL: refused with the layer that failed, and nothing has changed."""
    before = pids()
    run = deploy(f"--extra-vars=celery_app_broker_url={url}", f"--limit={limit}")
    assert run.returncode != 0
    assert layer in " ".join(failures(run).split()), failures(run)
    assert secret not in run.stdout + run.stderr
    assert pids() == before


class Ledger:
    """A client on a host sends tasks, steadily, and each task writes its name down once.

    ``sent`` has those that the broker took, {name: id}. A task for which the broker did not answer in time is in no
    list: nobody knows whether it was taken.
    """

    def __init__(self, host, task="shop.tasks.sleep_for", args=(), queues=("default",), rate=5, limit=5000, **options):
        self.host = host
        self.path = next(value for name, value in host.facts["environment"].items() if name.endswith("_LEDGER"))
        self.name = uuid.uuid4().hex[:8]
        self.sent = {}
        self.refused = []
        self.is_held = False
        self.request = {
            "app": host.facts["module"],
            "task": task,
            "args": list(args),
            "queues": list(queues),
            "rate": rate,
            "limit": limit,
            "name": self.name,
            "options": options,
        }

    def __enter__(self):
        run = f"{self.host.facts['bin_dir']}/{self.host.app}-run"
        self.process = self.host.start_process(run, "python", "-B", "-c", SENDER, json.dumps(self.request))
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        wait_for(lambda: self.sent or self.process.poll() is not None, "the ledger's client sends")
        return self

    def _read(self):
        for line in self.process.stdout:
            word, _space, rest = line.strip().partition(" ")
            if word == "sent":
                name, _space, task_id = rest.partition(" ")
                self.sent[name] = task_id
            elif word == "refused":
                self.refused.append(rest)
            elif word == "held":
                self.is_held = True

    @contextlib.contextmanager
    def held(self):
        """Send nothing meanwhile, and begin when all that was sent is done.

        Redis hands a task to a worker before anybody has noted it down: one that is on its way when Redis ends is lost
        with any client of kombu, whatever the worker does.
        """
        self._tell("hold")
        wait_for(lambda: self.is_held, "the ledger's client holds its tasks back")
        wait_for(lambda: set(self.sent) <= set(self.done()), "all that was sent is done")
        try:
            yield
        finally:
            self.is_held = False
            self._tell("go on")

    def _tell(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def stop(self):
        """Send no more, and leave a record. The client ends when its input does."""
        if self.process.stdin.closed:
            return
        self.process.stdin.close()
        try:
            self.process.wait(timeout=PATIENCE)
        except BaseException:
            self.process.kill()
            raise
        finally:
            self.reader.join(timeout=PATIENCE)
            self._record()
        assert self.process.returncode == 0, f"the ledger's client failed:\n{self.process.stderr.read()}"

    def __exit__(self, *_problem):
        self.stop()

    def done(self):
        """Return {name of a task: how often it was done}, over all hosts."""
        lines = []
        for host in HOSTS:
            if host.app == self.host.app:
                lines += host.on.run(f"grep ^{self.name}- {self.path}").stdout.split()
        return Counter(lines)

    def _record(self):
        directory = LOGS / "ledgers"
        directory.mkdir(parents=True, exist_ok=True)
        ledger = {"request": self.request, "sent": self.sent, "refused": self.refused, "done": self.done()}
        (directory / f"{self.name}.json").write_text(json.dumps(ledger, indent=2) + "\n", encoding="utf-8")

    def lost(self):
        """Return {name: {node: what its log says last}} of the tasks that are not done after waiting for them.

        Ends the sending.
        """
        self.stop()
        end = time.monotonic() + PATIENCE
        while True:
            missing = set(self.sent) - set(self.done())
            if not missing or time.monotonic() > end:
                self._record()
                return self._told_of(sorted(missing))
            time.sleep(0.5)

    def _told_of(self, names):
        """Tell of tasks who took them and how they ended: one that failed is not in the ledger either."""
        last_words = {name: {} for name in names}
        for worker in app_named(self.host.app).workers if names else ():
            lines = worker.log(LOG_LINES).splitlines()
            for name in names:
                task_id = self.sent[name]
                about = [line.partition(task_id)[2].strip(" ]") for line in lines if task_id in line]
                if about:
                    last_words[name][worker.node] = about[-1]
        return last_words


def app_named(name):
    """Return the application of that name."""
    return next(app for app in APPS if app.name == name)
