"""The deployed hosts as the tests see them."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import sys
import urllib.parse
import uuid
import xmlrpc.client
from pathlib import Path

from inside import host_in
from waiting import PATIENCE, RUN_PATIENCE, wait_for

PROJECT = Path(__file__).resolve().parents[3]
FACTS = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
CLIENT = Path(__file__).with_name("client.py").read_text(encoding="utf-8")
PROGRAM = Path(__file__).with_name("program.py").read_text(encoding="utf-8")


def finished(process):
    """Wait for a process that must succeed; what it still had to print."""
    try:
        output, errors = process.communicate(timeout=RUN_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0, f"{' '.join(process.args)} failed:\n{output}\n{errors}"
    return output


class Service:
    """One service of a host, under whichever manager runs it."""

    def __init__(self, host, kind, instance=""):
        self.host = host
        self.systemd = host.manager == "systemd"
        separator = "@" if self.systemd else "-"
        self.name = f"{host.app}-{kind}" + (f"{separator}{instance}" if instance else "")
        self.instance = instance
        self.log_name = f"{kind}-{instance}" if instance else kind

    @property
    def app(self):
        return self.host.app

    @property
    def node(self):
        return f"{self.instance}@{self.host.name}"

    @property
    def queues(self):
        return next(entry["queues"] for entry in self.host.facts["instances"] if entry["name"] == self.instance)

    @property
    def is_running(self):
        if self.systemd:
            return self.host.on.service(f"{self.name}.service").is_running
        return self._program().get("statename") == "RUNNING"

    @property
    def is_known(self):
        if self.systemd:
            return self.host.on.service(f"{self.name}.service").exists
        return bool(self._program())

    @property
    def pid(self):
        if self.systemd:
            return int(self.host.check(f"systemctl show --property=MainPID --value {self.name}.service"))
        return self._program()["pid"]

    def _program(self):
        """Return what supervisor says of it, nothing where it does not know it. supervisorctl takes half a second to start."""
        result = self.host.on.run("python3 -I -S -c %s %s", PROGRAM, self.name)
        assert result.rc == 0, result
        try:
            [[program], _method] = xmlrpc.client.loads(result.stdout)
        except xmlrpc.client.Fault as fault:
            if not fault.faultString.startswith("BAD_NAME"):
                raise
            return {}
        return program

    @property
    def age(self):
        """Return for how many seconds its main process has run, 0 where there is none."""
        return int(self.host.on.run(f"ps -o etimes= -p {self.pid}").stdout or 0)

    @property
    def heartbeat(self):
        """Return what its sentinel has written."""
        return json.loads(self.host.check(f"cat {self.host.facts['run_dir']}/{self.log_name}.heartbeat.json"))

    def is_content(self):
        """Whether the sentinel of the process that runs finds nothing wrong."""
        heartbeat = self.heartbeat
        return heartbeat["pid"] == self.pid and heartbeat["state"] == "ready" and not heartbeat["problem"]

    @property
    def is_stopping(self):
        """Whether it was told to end and has not yet."""
        if self.systemd:
            state = self.host.check(f"systemctl show --property=ActiveState --value {self.name}.service")
            return state == "deactivating"
        return self._program().get("statename") == "STOPPING"

    def stop(self):
        self.host.check(f"systemctl stop {self.name}.service" if self.systemd else f"supervisorctl stop {self.name}")

    @contextlib.contextmanager
    def being_stopped(self):
        """Begin to stop it, and wait at the end until it has stopped."""
        argv = ["systemctl", "stop", f"{self.name}.service"] if self.systemd else ["supervisorctl", "stop", self.name]
        with self.host.start_process(*argv) as process:
            yield
            finished(process)

    def start(self):
        self.host.check(f"systemctl start {self.name}.service" if self.systemd else f"supervisorctl start {self.name}")

    def log(self, lines):
        if self.systemd:
            # Its identifier too: --unit misses the last lines of a process that dies with them (systemd#2913).
            entries = f"_SYSTEMD_UNIT={self.name}.service + UNIT={self.name}.service + SYSLOG_IDENTIFIER={self.name}"
            return self.host.on.run(f"journalctl --no-pager --lines={lines} {entries}").stdout
        return self.host.on.run(f"tail -n {lines} {self.host.facts['log_dir']}/{self.log_name}.log").stdout


class Host:
    """A test host, with what its inventory says of it."""

    def __init__(self, facts):
        self.facts = facts
        self.name = facts["name"]
        self.container = facts["container"]
        self.app = facts["app"]
        self.manager = facts["manager"]
        self.groups = facts["groups"]
        self.on = host_in(self.container)

    @functools.cached_property
    def workers(self):
        """Return the worker instances that the inventory wants to run."""
        if "celery_workers" not in self.groups:
            return []
        started = [entry["name"] for entry in self.facts["instances"] if entry.get("state") != "stopped"]
        return [Service(self, "worker", name) for name in started]

    def sole_consumers(self):
        """Yield the workers of this host that are alone with a queue, and that queue."""
        [app] = [app for app in APPS if app.name == self.app]
        for worker in self.workers:
            for queue in app.queues:
                if queue.nodes == {worker.node}:
                    yield worker, queue.name

    @property
    def services(self):
        """Return all services that the inventory declares."""
        single = [Service(self, kind) for kind in ("beat", "flower") if f"celery_{kind}" in self.groups]
        return self.workers + single

    @property
    def secrets(self):
        """Return every password that a service of this application knows, by what it opens."""
        secrets = {
            "broker": urllib.parse.urlsplit(self.facts["broker_url"]).password,
            "result backend": urllib.parse.urlsplit(self.facts["result_backend"]).password,
        }
        for entry in self.facts["flower_basic_auth"]:
            secrets[f"flower {entry.partition(':')[0]}"] = entry.partition(":")[2]
        return {name: urllib.parse.unquote(value) for name, value in secrets.items() if value}

    def ask(self, module_name, **arguments):
        """Run a module of the collection that asks the application, as its user; return its result."""
        connection = {
            "celery_python": self.facts["python"],
            "app": self.facts["module"],
            "celery_command": self.facts["command"],
            "chdir": self.facts["source_dir"],
            "environment_file": f"{self.facts['config_dir']}/celery.env",
            "user": self.facts["user"],
            "timeout": PATIENCE,
        }
        return module(self, module_name, **connection, **arguments)

    @contextlib.contextmanager
    def dropped(self, *rules):
        """Drop the packets that these rules of iptables match, without telling anybody."""
        self.check(" && ".join(f"iptables --append {rule} --jump DROP" for rule in rules))
        try:
            yield
        finally:
            self.check(" && ".join(f"iptables --delete {rule} --jump DROP" for rule in rules))

    def check(self, command):
        """Run a command, which must succeed; return what it printed."""
        return self.on.check_output(command)

    def python(self, source, *arguments):
        """Run Python source on the host, from stdin, so that none of it is seen in argv."""
        with self._python(source, *arguments) as process:
            return finished(process)

    def client(self, **request):
        """Ask the application something from this host, as its own commands would."""
        with self._client(**request) as process:
            return json.loads(finished(process).splitlines()[-1])

    @contextlib.contextmanager
    def follow(self, task, *args, **options):
        """Send a task and go on as soon as a worker runs it; yields what waits for its result."""
        with self._client(do="follow", task=f"shop.tasks.{task}", args=args, **options) as process:
            assert process.stdout.readline().strip() == "STARTED", f"no worker runs the task:\n{process.stderr.read()}"
            yield lambda: json.loads(finished(process).splitlines()[-1])

    def _client(self, **request):
        request.update(app=self.facts["module"], patience=PATIENCE)
        run = f"{self.facts['bin_dir']}/{self.app}-run"
        return self._python(CLIENT, run, "python", "-B", "-", json.dumps(request))

    def start_process(self, *arguments):
        """Start a command on the host, and do not wait for it."""
        return subprocess.Popen(
            ["docker", "exec", "--interactive", self.container, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _python(self, source, *arguments):
        process = self.start_process(*arguments)
        process.stdin.write(source)
        process.stdin.close()
        process.stdin = None
        return process

    def call(self, task, *args, **options):
        """Send a task and return its result."""
        return self.client(do="call", task=f"shop.tasks.{task}", args=args, **options)[0]

    def inspect(self, method, *nodes):
        """Return what these nodes answer, or all that there are: {node: reply}. Who is late is left out."""
        return self.client(do="inspect", method=method, nodes=nodes)

    def answers(self, method, *nodes):
        """Return what these nodes answer, all of them. A question that comes before one listens is lost, so it is repeated."""

        def complete():
            replies = self.inspect(method, *nodes)
            return replies if set(nodes) <= set(replies) else None

        return wait_for(complete, f"{', '.join(nodes)} answer {method}")


class Gate:
    """A file that tasks wait for, on every host of an application: what takes place within the gate they last through."""

    def __init__(self, host):
        self.app = host.app
        self.path = f"{host.facts['state_dir']}/gate-{uuid.uuid4().hex[:8]}"

    def __enter__(self):
        return self

    def __exit__(self, *_problem):
        for host in HOSTS:
            if host.app == self.app:
                host.check(f"touch {self.path}")


class App:
    """An application: the hosts that share its name."""

    def __init__(self, name, hosts):
        self.name = name
        self.hosts = hosts
        self.workers = [worker for host in hosts for worker in host.workers]
        self.host = self.workers[0].host
        names = sorted({queue for worker in self.workers for queue in worker.queues})
        self.queues = [Queue(self, queue) for queue in names]
        self.nodes = [worker.node for worker in self.workers]

    def __str__(self):
        return self.name


class Queue:
    """A queue of an application, with the nodes that are declared to consume it."""

    def __init__(self, app, name):
        self.app = app
        self.name = name
        self.nodes = {worker.node for worker in app.workers if name in worker.queues}

    def __str__(self):
        return f"{self.app.name}-{self.name}"


HOSTS = [Host(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(FACTS.glob("facts-*.json"))]
APPS = [App(name, [host for host in HOSTS if host.app == name]) for name in sorted({host.app for host in HOSTS})]


def wait_until_content(workers):
    """Wait until the sentinels of these workers find nothing wrong."""
    for worker in workers:
        wait_for(worker.is_content, f"the sentinel of {worker.node} is content")


def host_named(name):
    """Return the host of that inventory name."""
    return next(host for host in HOSTS if host.name == name)


def logs_of(app):
    """Yield the last lines of every service of an application, for a test that failed."""
    for host in HOSTS:
        if app == host.app:
            for service in host.services:
                yield f"{service.name} on {host.name}", service.log(15)


def failures(run):
    """Return what a run of the playbook failed with."""
    lines = (run.stdout + run.stderr).splitlines()
    return "\n".join(line[:2000] for line in lines if line.startswith(("fatal:", "failed:", "[ERROR]")))


def ansible(program, *arguments):
    """Run one of Ansible's programs on the scenario's inventories; return the finished process."""
    inventories = [f"--inventory={source}" for source in os.environ["TASKFLEET_INVENTORIES"].split(":")]
    argv = [str(Path(sys.executable).with_name(program)), *inventories, *arguments]
    return subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, timeout=RUN_PATIENCE, check=False)


def deploy(*arguments):
    """Run the deploy playbook; return the finished process."""
    return ansible("ansible-playbook", *arguments, "taskfleet.celery.deploy")


def deployed(*arguments):
    """Run the deploy playbook, which must succeed; return the finished process."""
    done = deploy(*arguments)
    assert done.returncode == 0, failures(done)
    return done


def module(host, module_name, **arguments):
    """Run a module of the collection on a host as root; return its result."""
    done = ansible(
        "ansible",
        host.name,
        "--one-line",
        f"--module-name=taskfleet.celery.{module_name}",
        f"--args={json.dumps(arguments)}",
    )
    status, _arrow, result = done.stdout.partition(" => ")
    assert status.endswith((" | SUCCESS", " | CHANGED")), done.stdout + done.stderr
    return json.loads(result)
