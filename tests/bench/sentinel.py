"""The sentinel against `celery inspect ping -d`, and a worker with it against one without.

Makes an environment of its own below .cache/, and a Redis on a free port of loopback; a Django application
stands for one of ordinary size. Prints ratios of things measured in the same run.

The sentinel lays safe transport options under the application's. What they cost is told apart from what it costs
itself: a worker with it races one without it that has the same options, and this one races a worker with neither.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import json
import os
import resource
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jinja2
from shared.servers import free_port
from waiting import RUN_PATIENCE, wait_for

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".cache/venv-bench-sentinel"
PACKAGES = ["celery[redis]==5.7.0", "django", "gevent", "setuptools<81"]
TASKS = 5000
WARM_UP = 0.25
RACES = 8
FLEET = 20
WATCH = 120
INTERVAL = 30
PROBES = 1000
PINGS = 10

APPLICATION = """
import json
import os
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="bench",
    INSTALLED_APPS=["django.contrib." + name for name in
        ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles", "humanize", "sites")],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
from django.contrib import admin
admin.autodiscover()
from celery import Celery
app = Celery("bench", broker=os.environ["BROKER"])
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True, **json.loads(os.environ["SETTINGS"]))
@app.task
def nothing():
    pass
"""


class Broker:
    """A Redis of the benchmark's own."""

    def __init__(self, directory):
        self.port = free_port()
        argv = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        wait_for(lambda: self.ask("PING") == "+PONG", "Redis answers")

    def ask(self, command):
        """The first line of the answer."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2) as connection:
            connection.sendall(f"{command}\r\n".encode())
            return connection.makefile().readline().strip()
        return ""

    def count(self, command):
        return int(self.ask(command)[1:])


def make_venv():
    """Celery, Django and gevent, once."""
    if not (VENV / "made").exists():
        shutil.rmtree(VENV, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run([VENV / "bin/pip", "install", "--quiet", *PACKAGES], check=True)
        (VENV / "made").touch()


def probe_text(directory):
    """The probe as the role renders it, for instances whose heartbeats are in the directory."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    environment.filters.update(comment=lambda text: f"# {text}", quote=lambda text: shlex.quote(str(text)))
    source = (ROOT / "roles/celery_worker/templates/worker-probe.sh.j2").read_text()
    return environment.from_string(source).render(
        ansible_managed="bench",
        __celery_worker_probe="probe",
        __celery_worker_health_dir=str(directory),
        __celery_worker_heartbeat=f"{directory}/%s.json",
        __celery_worker_probe_method="sentinel",
        celery_app_run_command="/bin/false",
        celery_app_name="bench",
        celery_app_module="bench",
        celery_app_user="root",
        celery_app_config_dir=str(directory),
        celery_app_scope="user",
        inventory_hostname="bench",
        __celery_worker_healthcheck={"timeout": 30, "retries": 5, "start_period": 30},
    )


class Bench:
    """One directory, one broker, and what runs on them."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.broker = Broker(directory)
        (self.directory / "bench.py").write_text(APPLICATION)
        self.probe = self.directory / "probe"
        self.probe.write_text(probe_text(self.directory))
        self.probe.chmod(0o755)
        self.environment = {
            **os.environ,
            "BROKER": f"redis://127.0.0.1:{self.broker.port}/0",
            "PYTHONPATH": f"{self.directory}:{ROOT / 'roles/celery_app/files'}",
            "C_FORCE_ROOT": "1",
            "SETTINGS": "{}",
        }
        self.workers = []

    def worker(self, name, watched, *options, queue="celery", settings=None, wrapper=()):
        """Start a worker and return its process; it is ready when that returns."""
        heartbeat = self.directory / f"{name}.json"
        log = self.directory / f"{name}.log"
        argv = [*wrapper, VENV / "bin/celery", "-A", "bench", "worker", "-n", f"{name}@bench", "-Q", queue]
        argv += ["--without-gossip", "--without-mingle", "-l", "INFO", *options]
        argv += ["-I", "taskfleet_sentinel"] if watched else []
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv,
                env={**self.environment, "TASKFLEET_HEARTBEAT": str(heartbeat), "SETTINGS": json.dumps(settings or {})},
                cwd=self.directory,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.workers.append(process)
        wait_for(lambda: b" ready." in log.read_bytes(), f"{name} is ready")
        if watched:
            wait_for(lambda: '"state": "ready"' in heartbeat.read_text(), f"the heartbeat of {name} says ready")
        return process

    def end(self):
        """Stop all workers."""
        for process in self.workers:
            kill(process)
        self.workers = []

    def ping_command(self, name):
        return [VENV / "bin/celery", "-A", "bench", "inspect", "ping", "-d", f"{name}@bench", "--timeout", "10"]

    def cpu_of(self, argv, times):
        """Mean seconds of CPU of a command."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for _run in range(times):
            subprocess.run(argv, env=self.environment, cwd=self.directory, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / times

    def transport_settings(self):
        """What the sentinel lays under an application's settings on Redis."""
        source = "import json, kombu, taskfleet_sentinel as sentinel\n"
        source += "options, others = sentinel.transport_defaults('redis', 'bench', kombu.VERSION[:2])\n"
        source += "print(json.dumps({'broker_transport_options': options, **others}))"
        return json.loads(subprocess.check_output([VENV / "bin/python", "-c", source], env=self.environment))

    def fill(self, queue):
        """Queue the tasks."""
        source = f"import bench\nwith bench.app.producer_or_acquire() as p:\n [bench.nothing.apply_async(producer=p, queue={queue!r}) for _ in range({TASKS})]"
        subprocess.run([VENV / "bin/python", "-c", source], env=self.environment, cwd=self.directory, check=True)

    def race(self, cpu, contenders, *options):
        """Have two workers, which share one processor, take tasks from queues of their own at the same time.

        The contenders are {name: (with the sentinel or not, settings)}, started in that order. Returns {name: (tasks
        done, CPU seconds that the worker spent)}, from when both are warm until one has none left. What else runs on
        the machine slows both down alike.
        """
        for name in contenders:
            self.fill(name)
        processes = {}

        def left():
            return {name: self.broker.count(f"LLEN {name}") for name in contenders}

        def spent():
            return {name: cpu_time_with_children(process.pid) for name, process in processes.items()}

        try:
            for name, (watched, settings) in contenders.items():
                processes[name] = self.worker(
                    name,
                    watched,
                    *options,
                    "--prefetch-multiplier=4",
                    queue=name,
                    settings=settings,
                    wrapper=("taskset", "-c", str(cpu)),
                )
            wait_for(lambda: max(left().values()) < TASKS * (1 - WARM_UP), "the workers are warm")
            waiting, cpu_before = left(), spent()
            wait_for(lambda: min(left().values()) == 0, "a worker has done its tasks", RUN_PATIENCE)
            still, cpu_after = left(), spent()
        finally:
            for process in processes.values():
                kill(process)
            for name in contenders:
                self.broker.ask(f"DEL {name}")
        return {name: (waiting[name] - still[name], cpu_after[name] - cpu_before[name]) for name in contenders}


def kill(process):
    """End a worker with its pool."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def cpu_time(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_time_with_children(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_time(pid) + sum(map(cpu_time, children))


def resident(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def line(what, one, other, ratio, goal):
    print(f"{what:<64} {one:>12} {other:>12}   {ratio:<16} {goal}", flush=True)


def probes(bench):
    bench.worker("w", True, "-c", "2")
    ours = bench.cpu_of([bench.probe, "w"], 200)
    theirs = bench.cpu_of(bench.ping_command("w"), PINGS)
    line("CPU of one probe, ms", f"{ours * 1e3:.2f}", f"{theirs * 1e3:.0f}", f"1 : {theirs / ours:.0f}", "goal 1 : 150")
    before = bench.broker.count("DBSIZE")
    bench.cpu_of([bench.probe, "w"], PROBES)
    left = bench.broker.count("DBSIZE") - before
    line(f"keys left on the broker by {PROBES} probes", str(left), "", "", "goal 0")
    bench.end()


def memory(bench):
    sizes = {}
    for watched in (True, False):
        process = bench.worker("m", watched, "-c", "2")
        begun = time.monotonic()
        wait_for(lambda begun=begun: time.monotonic() - begun > 20, "20 s have passed")
        sizes[watched] = resident(process.pid)
        bench.end()
    added = sizes[True] - sizes[False]
    line(
        "resident MiB of an idle worker, with and without",
        f"{sizes[True]:.1f}",
        f"{sizes[False]:.1f}",
        f"+{added:.1f} MiB",
        "goal +2 MiB",
    )


def loss(title, rates, goal):
    """A line of what the first of each pair of rates falls short of the second."""
    losses = sorted(100 * (1 - ours / theirs) for ours, theirs in rates)
    ours, theirs = (statistics.median(side) for side in zip(*rates, strict=True))
    ratio = f"{statistics.median(losses):+.1f} % lost ({losses[0]:+.1f} to {losses[-1]:+.1f})"
    line(title, f"{ours:.0f}", f"{theirs:.0f}", ratio, goal)


def race_all(bench, pairs, pool, turned):
    """Each pair at the same time as the others, on a processor of its own where there are so many."""
    cpus = itertools.cycle(sorted(os.sched_getaffinity(0)))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as executor:
        started = {
            what: executor.submit(bench.race, cpu, dict(sorted(pair.items(), reverse=turned)), *pool)
            for cpu, (what, pair) in zip(cpus, pairs.items(), strict=False)
        }
    return {what: race.result() for what, race in started.items()}


def throughput(bench):
    """By the tasks done meanwhile, and by those for a second of CPU."""
    settings = bench.transport_settings()
    pairs = {
        "the sentinel": {"watched": (True, {}), "unwatched": (False, settings)},
        "its transport options": {"safe": (False, settings), "plain": (False, {})},
    }
    measures = {
        "tasks done meanwhile": lambda done, _cpu: done,
        "tasks for a second of CPU": lambda done, cpu: done / cpu,
    }
    for name, pool in {"prefork": ["-c", "2"], "gevent": ["-P", "gevent", "-c", "50"]}.items():
        races = [race_all(bench, pairs, pool, bool(number % 2)) for number in range(RACES)]
        for (what, pair), (title, measure) in itertools.product(pairs.items(), measures.items()):
            rates = [[measure(*race[what][contender]) for contender in pair] for race in races]
            loss(f"{title}, {name}, of {what}", rates, "goal 1 %" if what == "the sentinel" else "")


def fleet(bench):
    """All that watching costs: the probes, and in the workers themselves."""
    spent = {}
    for watched in (True, False):
        processes = [bench.worker(f"f{number}", watched, "-P", "solo", queue=f"q{number}") for number in range(FLEET)]
        begun, cpu = time.monotonic(), sum(cpu_time(process.pid) for process in processes)
        probing = 0.0
        for probe_round in range(WATCH // INTERVAL):
            for number in range(FLEET):
                name = f"f{number}"
                probing += bench.cpu_of([bench.probe, name] if watched else bench.ping_command(name), 1)
            due = begun + (probe_round + 1) * INTERVAL
            wait_for(lambda due=due: time.monotonic() > due, "the next probe is due")
        seconds = time.monotonic() - begun
        own = sum(cpu_time(process.pid) for process in processes) - cpu
        spent[watched] = (probing / seconds, own / seconds)
        bench.end()
    for index, what in ((0, "of the probes"), (1, "of the workers, idle")):
        ours, theirs = spent[True][index] * 100, spent[False][index] * 100
        line(f"% of a CPU {what}, {FLEET} workers", f"{ours:.2f}", f"{theirs:.2f}", f"1 : {theirs / ours:.1f}", "")
    ours, theirs = sum(spent[True]) * 100, sum(spent[False]) * 100
    line(
        f"% of a CPU in all, {FLEET} workers for {WATCH} s",
        f"{ours:.2f}",
        f"{theirs:.2f}",
        f"1 : {theirs / ours:.1f}",
        "",
    )


PARTS = {"probes": probes, "memory": memory, "throughput": throughput, "fleet": fleet}


def main():
    """Print a line for each comparison; arguments name the parts."""
    make_venv()
    line("", "sentinel", "without", "", "")
    # In memory, as /run is, where the role has the heartbeats.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        bench = Bench(directory)
        try:
            for name in sys.argv[1:] or PARTS:
                PARTS[name](bench)
        finally:
            bench.end()
            bench.broker.process.kill()
            bench.broker.process.wait()


if __name__ == "__main__":
    main()
