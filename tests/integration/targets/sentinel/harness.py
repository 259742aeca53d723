"""A broker, a proxy that can let a connection die, a service manager's socket, and a worker between them."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

# ansible-test runs a copy of the targets alone, below the collection.
COLLECTION = Path(re.sub("/tests/(output|integration)/.*", "", __file__))
sys.path.insert(0, str(COLLECTION / "tests"))

from waiting import PATIENCE, wait_for

FILES = Path(__file__).with_name("files")
SENTINEL = COLLECTION / "roles/celery_app/files"
NODE = "w1@here"
# Seconds that a task may run.
HARD_LIMIT = 600
# Seconds between two heartbeats, of which there is one each second, by which the machine has stood still.
STANDSTILL = 5


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def hang_up(*sockets):
    """Close them so that the other side hears of it, also while another thread reads from them."""
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


class Redis:
    """A Redis of its own, which can be stopped and started again on its port."""

    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        self.process = None
        self.start()

    def start(self):
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert program, "redis-server is not installed. On Debian: apt-get install redis-server"
        argv = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.directory)]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: self.ask("PING") == "+PONG", "Redis answers")

    def stop(self):
        self.process.kill()
        self.process.wait()

    def ask(self, command):
        """The first line of the answer, or '' where nobody answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
                connection.sendall(f"{command}\r\n".encode())
                return connection.makefile().readline().strip()
        except OSError:
            return ""

    def count(self, command):
        """The number that is the answer."""
        return int(self.ask(command)[1:])

    def ask_all(self, command):
        """The whole bulk answer."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            connection.sendall((command + "\r\n").encode())
            stream = connection.makefile()
            return stream.read(int(stream.readline()[1:]))

    def url(self, database=0, port=None):
        return f"redis://127.0.0.1:{port or self.port}/{database}"


class RabbitMQ:
    """A virtual host of its own on the RabbitMQ that all tests share, which can be cut off and joined again."""

    def __init__(self, name):
        shared = os.environ.get("SENTINEL_RABBITMQ", "")
        assert shared, "SENTINEL_RABBITMQ is not set; expected `amqp://user:password@host:port// http://host:port`"
        amqp, management = shared.split()
        parts = urllib.parse.urlsplit(amqp)
        self.account = f"{parts.username}:{parts.password}"
        self.port = parts.port
        self.vhost = f"{name}-{os.getpid()}"
        self.api = f"{management}/api"
        self.call("PUT", f"vhosts/{self.vhost}")
        rights = json.dumps(dict.fromkeys(("configure", "write", "read"), ".*")).encode()
        self.call("PUT", f"permissions/{self.vhost}/{parts.username}", rights)
        self.proxy = Proxy(self.port)

    def call(self, method, path, body=None):
        token = base64.b64encode(self.account.encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.api}/{path}", data=body, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE):
            pass

    def url(self, port=None):
        return f"amqp://{self.account}@127.0.0.1:{port or self.proxy.port}/{self.vhost}"

    def stop(self):
        self.proxy.down()

    def start(self):
        self.proxy.up()

    def end(self):
        self.call("DELETE", f"vhosts/{self.vhost}")


class Proxy:
    """Forwards connections to a port, until told that those which match must die without a word."""

    def __init__(self, port, mute=False, mute_on=None):
        self.target = port
        self.mute = mute
        self.mute_on = mute_on
        self.dead = []
        self.pairs = []
        self.port = 0
        self.up()

    def up(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def down(self):
        """Refuse connections, and end those that there are."""
        hang_up(self.listener, *(one for pair in self.pairs for one in pair["sockets"]))
        self.pairs = []

    def accept(self, listener):
        while True:
            try:
                inner, _address = listener.accept()
            except OSError:
                return
            try:
                outer = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                inner.close()
                continue
            pair = {"sockets": (inner, outer), "last": b""}
            self.pairs.append(pair)
            if self.mute:
                self.dead.append(pair)
            for source, sink in ((inner, outer), (outer, inner)):
                threading.Thread(target=self.pump, args=(pair, source, sink), daemon=True).start()

    def pump(self, pair, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.mute_on and self.mute_on in data:
                    self.dead.append(pair)
                if pair in self.dead:
                    continue
                if source is pair["sockets"][0]:
                    pair["last"] = data
                sink.sendall(data)
        if pair not in self.dead:
            hang_up(*pair["sockets"])

    def kill(self, word):
        """Connections whose client last said this stay open and never bring anything again."""
        dead = [pair for pair in self.pairs if word in pair["last"]]
        self.dead += dead
        return len(dead)


class Manager:
    """systemd's notification socket."""

    def __init__(self, directory):
        self.path = str(directory / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.said = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            for line in self.socket.recv(4096).decode().splitlines():
                self.said.append((time.monotonic(), line))

    def heard(self, line, since=0.0):
        """How often a line that begins so was said since then."""
        return sum(1 for when, text in self.said if when >= since and text.startswith(line))


class Probes:
    """The probe of docs/sentinel.md, and what it tells Docker and Kubernetes to run."""

    def __init__(self, directory, heartbeat):
        page = (COLLECTION / "docs/sentinel.md").read_text().partition("## In containers")[2]
        blocks = dict(re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL))
        (directory / "worker-probe").write_text(blocks["sh"])
        (directory / "worker-probe").chmod(0o755)
        self.environment = {"PATH": f"{directory}:/usr/bin:/bin", "TASKFLEET_HEARTBEAT": str(heartbeat)}
        kubernetes = yaml.safe_load(blocks["yaml"])
        self.commands = {
            # Docker gives it to a shell.
            "docker": ["sh", "-c", blocks["dockerfile"].rpartition(" CMD ")[2]],
            "startup": kubernetes["startupProbe"]["exec"]["command"],
            "liveness": kubernetes["livenessProbe"]["exec"]["command"],
        }

    def results(self):
        """The exit codes."""
        return {
            name: subprocess.run(
                argv, env=self.environment, stdout=subprocess.DEVNULL, timeout=PATIENCE, check=False
            ).returncode
            for name, argv in self.commands.items()
        }


# What each question runs in: a process of its own, of one that has Celery at hand, which takes half a second to import.
CLIENT = """
import contextlib, gc, io, json, os, sys, traceback
import celery.app.control, celery.backends.redis, kombu.transport.pyamqp, kombu.transport.redis

# redis-py 5.3 may take its pool's lock a second time when the collector ends a PubSub (redis-py#3677).
gc.disable()
for line in sys.stdin:
    asked, output, error = json.loads(line), io.StringIO(), ""
    if os.fork():
        os.wait()
        continue
    os.environ.clear()
    os.environ.update(asked["environment"])
    try:
        with contextlib.redirect_stdout(output):
            exec("from watched import *\\n" + asked["source"], {})
    except BaseException:
        error = traceback.format_exc()
    print(json.dumps({"output": output.getvalue(), "error": error}), flush=True)
    os._exit(0)
"""


class Client:
    """Python with the application at hand. It ends with its input, which is when the tests end."""

    def __init__(self, python):
        self.process = subprocess.Popen(
            [python, "-c", CLIENT],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{FILES}:{SENTINEL}", "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, source, environment):
        """Run Python; return what it printed."""
        self.process.stdin.write(json.dumps({"source": source, "environment": environment}) + "\n")
        self.process.stdin.flush()
        # What the source itself waits for ends before, and says more.
        answered, _nothing, _nothing = select.select([self.process.stdout], [], [], 2 * PATIENCE)
        if not answered:
            # A late answer would be taken for that to the next question.
            os.killpg(self.process.pid, signal.SIGKILL)
            client_of.cache_clear()
            raise AssertionError(f"not within {2 * PATIENCE} s: {source}")
        reply = json.loads(self.process.stdout.readline())
        assert not reply["error"], reply["error"]
        return reply["output"].strip()


client_of = functools.cache(Client)


class Process:
    """A process with the sentinel."""

    def __init__(self, directory, python, name, words, environment):
        self.python = python
        self.heartbeat = directory / f"{name}.json"
        self.log = directory / f"{name}.log"
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{FILES}:{SENTINEL}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TASKFLEET_HEARTBEAT": str(self.heartbeat),
            **environment,
        }
        with self.log.open("wb") as log:
            argv = [python, str(Path(python).with_name("celery")), "-A", "watched", *words]
            self.process = subprocess.Popen(
                argv, env=self.environment, stdout=log, stderr=log, cwd=directory, start_new_session=True
            )

    @property
    def file(self):
        return json.loads(self.heartbeat.read_text()) if self.heartbeat.exists() else {}

    def wait_for(self, why, **wanted):
        """Wait until the file says so; return it."""

        def says():
            found = self.file
            return found if all(found.get(key) == value for key, value in wanted.items()) else None

        try:
            return wait_for(says, why)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.file}\n{self.log.read_text()[-3000:]}") from error

    def live(self, seconds):
        """Wait until it has written for so many seconds in a row; return what it wrote meanwhile.

        Where the machine stands still, what is written next is about that, and the seconds begin anew.
        """
        seen = [self.file]

        def has_lived():
            found = self.file
            since = found["written_at"] - seen[-1]["written_at"]
            if since > STANDSTILL:
                seen.clear()
            if since:
                seen.append(found)
            return seen[-1]["written_at"] - seen[0]["written_at"] >= seconds

        wait_for(has_lived, f"it writes for {seconds} s")
        return seen[1:]

    def end(self, number=signal.SIGTERM):
        """Send the signal and wait for the end; return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def clean_up(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


class Beat(Process):
    """A real beat with the sentinel."""

    def __init__(self, directory, python, broker, **environment):
        words = ["beat", "--scheduler=taskfleet_sentinel:BeatScheduler", "--pidfile=", "--loglevel=INFO"]
        words += [f"--schedule={directory / 'schedule'}"]
        super().__init__(directory, python, "beat", words, {"BROKER": broker, **environment})


class Worker(Process):
    """A real worker with the sentinel."""

    def __init__(
        self,
        directory,
        python,
        broker,
        pool="prefork",
        results="",
        loads=("taskfleet_sentinel",),
        mingle=False,
        queues="default,reports",
        **environment,
    ):
        words = ["worker", f"--hostname={NODE}", f"--queues={queues}"]
        words += [f"--pool={pool}", "--concurrency=2", "--without-gossip", f"--time-limit={HARD_LIMIT}"]
        words += [] if mingle else ["--without-mingle"]
        words += [f"--include={','.join(loads)}", "--loglevel=INFO"]
        super().__init__(directory, python, "w1", words, {"BROKER": broker, "RESULTS": results, **environment})

    def run(self, source):
        """Run Python with the application at hand; return what it printed."""
        return client_of(self.python).run(source, self.environment)

    def control(self, command, **arguments):
        self.run(f"app.control.broadcast({command!r}, arguments={arguments!r}, destination=[{NODE!r}])")

    def works(self, count=5):
        source = f"print(sum(add.delay(1, 1).get(timeout={PATIENCE}) for _ in range({count})))"
        return self.run(source) == str(2 * count)

    def children(self):
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [int(pid) for pid in Path(path).read_text().split()]


def pythons():
    """The interpreters to test with, newest first: {label: path}, from SENTINEL_PYTHONS='5.7=/x/bin/python ...'."""
    return dict(word.split("=", 1) for word in os.environ.get("SENTINEL_PYTHONS", f"this={sys.executable}").split())
