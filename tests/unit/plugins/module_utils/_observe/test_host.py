# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import http.server
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
import xmlrpc.server

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._observe import host, process_tree
from ansible_collections.taskfleet.celery.plugins.module_utils._observe.processes import scan
from ansible_collections.taskfleet.celery.plugins.module_utils._service import owned_files, systemd
from ansible_collections.taskfleet.celery.plugins.module_utils._service.errors import ServiceError
from ansible_collections.taskfleet.celery.plugins.module_utils._service.supervisor import Supervisor
from ansible_collections.taskfleet.celery.plugins.module_utils._service.systemd import Systemd
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.servers import free_port
from ansible_collections.taskfleet.celery.tests.waiting import PATIENCE

TITLE = "[celeryd: {0}@web1:MainProcess] -active- (-A shop.celery worker)"
CONNECTED = """
import socket, sys
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print("up", flush=True)
sys.stdin.read()
"""
DEFAULTS = {
    "name": "shop",
    "app": "shop.celery",
    "kinds": ["worker", "beat", "flower"],
    "celery_command": [],
    "instances": [],
    "manager": "none",
    "config_dir": None,
    "log_dir": None,
    "broker_url": None,
    "flower_url": None,
    "heartbeat": None,
    "directories": [],
    "log_lines": 5,
    "log_bytes": 4096,
    "sample": 0.05,
    "timeout": float(PATIENCE),
}


@pytest.fixture
def broker():
    """Something that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def start(broker):
    """Return a function that starts something with a worker's title and a connection to the broker."""
    with contextlib.ExitStack() as stack:

        def go(service="", instance="w1", title=TITLE, **environment):
            marked = {"TASKFLEET_SERVICE": service} if service else {}
            process = subprocess.Popen(
                [title.format(instance), "-c", CONNECTED, str(broker)],
                executable=sys.executable,
                env={**os.environ, **marked, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            stack.callback(end, process)
            assert process.stdout.readline() == "up\n"
            return process.pid

        yield go


def end(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.stdin.close()
    process.stdout.close()
    process.wait(timeout=PATIENCE)


def gather(_under=None, **params):
    """Look at what the test started: the machine may have a fleet of its own."""
    request = host.Request({**DEFAULTS, **params}, _under, "web1")
    own = process_tree.family(os.getpid(), process_tree.parents())
    return host.gather(request, [process for process in scan() if process["pid"] in own])


@pytest.fixture
def impatient(monkeypatch):
    """Wait a second for a part that hangs, whatever the other parts take."""
    monkeypatch.setattr(host, "SHARE", 1 / PATIENCE)


def test_worker_without_a_service_manager(start, broker, tmp_path):
    began = time.time() - 1  # a file's time may be a little behind
    (tmp_path / "w1.json").write_text('{"schema": 1, "state": "ready"}')
    (tmp_path / "worker-w1.log").write_text("old\nlogged in with hunter4444\nready\n")
    url = f"redis://:hunter2222@127.0.0.1:{broker}/0"
    pid = start(CELERY_BROKER_URL=url, TASKFLEET_HEARTBEAT=str(tmp_path / "w1.json"), DB_PASSWORD="hunter4444")
    evidence = gather(
        instances=["w1", "w2"], log_dir=str(tmp_path), log_lines=2, directories=[str(tmp_path), "/nowhere"]
    )
    worker = evidence["instances"]["w1"]
    assert [(one["pid"], one["role"], one["new"]) for one in worker["processes"]] == [(pid, "main", False)]
    assert worker["sample_seconds"] >= 0.05
    assert [(one["to"], one["remote"]) for one in worker["sockets"]] == [("broker", f"127.0.0.1:{broker}")]
    assert worker["sockets_total"] == 1
    assert worker["heartbeat"] == {"schema": 1, "state": "ready"}
    assert worker["log"]["lines"] == ["logged in with ***", "ready"]
    assert worker["log"]["size"] == 36
    assert began < worker["log"]["modified_at"] <= time.time()
    assert (worker["service"], worker["missing"]["service"]) == (None, "no service manager was asked")
    assert "hunter" not in json.dumps(evidence)
    absent = evidence["instances"]["w2"]
    assert absent["processes"] == []
    assert (absent["sockets"], absent["missing"]["sockets"]) == (None, "no process runs")
    assert (evidence["beat"], evidence["flower"], evidence["strays"]) == (None, None, [])
    assert [one["path"] for one in evidence["disks"]] == [str(tmp_path)]
    assert 0 < evidence["disks"][0]["free_bytes"] <= evidence["disks"][0]["total_bytes"]
    assert evidence["missing"] == {"/nowhere": "/nowhere: No such file or directory"}


def test_worker_whose_broker_is_not_known_still_shows_its_connections(start):
    start(CELERY_BROKER_URL="sqs://")
    worker = gather(instances=["w1"])["instances"]["w1"]
    assert [one["to"] for one in worker["sockets"]] == ["other"]
    assert "not in its URL" in worker["missing"]["broker_address"]


def test_environment_files_of_a_worker_that_does_not_run(tmp_path):
    (tmp_path / "celery.env").write_text('CELERY_BROKER_URL="redis://:hunter2222@h/0"\n')
    (tmp_path / "worker-w1.env").write_text(f'TASKFLEET_HEARTBEAT="{tmp_path}/w1.json"\n')
    (tmp_path / "w1.json").write_text('{"state": "ready"}')
    (tmp_path / "worker-w1.log").write_text("hunter2222\n")
    evidence = gather(instances=["w1"], config_dir=str(tmp_path), log_dir=str(tmp_path))
    assert evidence["instances"]["w1"]["heartbeat"] == {"state": "ready"}
    assert evidence["instances"]["w1"]["log"]["lines"] == ["***"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file"),
        ("{", "is not JSON"),
        ("[]", "does not hold an object"),
        (" " * (host.LARGEST_HEARTBEAT + 1), "is larger than"),
    ],
)
def test_heartbeat_that_is_none(tmp_path, content, why):
    if content is not None:
        (tmp_path / "w1.json").write_text(content)
    worker = gather(instances=["w1"], heartbeat=str(tmp_path / "{instance}.json"))["instances"]["w1"]
    assert worker["heartbeat"] is None
    assert why in worker["missing"]["heartbeat"]


def test_part_that_hangs_is_named_and_the_rest_is_there(start, tmp_path, impatient):
    """It is waited for once, not once for each service."""
    names = ["w1", "w2", "w3", "w4"]
    for name in names:
        os.mkfifo(tmp_path / f"{name}.json")
    start()
    evidence = gather(instances=names, heartbeat=str(tmp_path / "{instance}.json"))
    waits = [evidence["instances"][name]["missing"]["heartbeat"].partition("no answer within ")[2] for name in names]
    assert waits == ["1.0 s", *[f"{host.LATE} s"] * 3]
    assert evidence["instances"]["w1"]["processes"]
    assert evidence["instances"]["w1"]["sockets_total"] == 1
    for name in names:
        # Lets the reader that waits go.
        os.close(os.open(tmp_path / f"{name}.json", os.O_WRONLY))


# -- Strays


def names_of(evidence):
    return {process["pid"]: process["reason"] for process in evidence["strays"]}


def test_strays(start):
    own = start("shop-worker-w1")
    other = start(instance="x")
    beat = start(title="[celery beat] -A shop beat")
    assert names_of(gather(instances=["w1"])) == {other: "not started by this collection"}
    # Without a service manager a beat is what runs as one.
    assert gather(instances=["w1"])["beat"]["processes"][0]["pid"] == beat
    evidence = gather(instances=[], name="")
    assert names_of(evidence) == dict.fromkeys((other, beat), "not started by this collection")
    assert evidence["instances"] == {}
    assert names_of(gather(instances=["w1"], kinds=["beat"])) == {}
    assert names_of(gather(instances=["w1"], app="other")) == {}
    assert names_of(gather(instances=[])) == {
        own: "its service shop-worker-w1 is not declared any more",
        other: "not started by this collection",
    }


def test_second_process_of_a_service_is_left_over(start):
    pids = {start("shop-worker-w1"), start("shop-worker-w1")}
    evidence = gather(instances=["w1"])
    (main,) = (one["pid"] for one in evidence["instances"]["w1"]["processes"])
    assert names_of(evidence) == {(pids - {main}).pop(): "left over from an earlier run of shop-worker-w1"}


def test_services_of_another_application_are_not_ours(start):
    start("shop-eu-worker@w1")
    assert names_of(gather()) == {}


def test_programs_of_another_supervisord_are_its_own(start, tmp_path):
    (tmp_path / "supervisord").write_text(
        "import subprocess, sys\n"
        "subprocess.Popen([sys.argv[1], '-c', 'import sys; print(\"up\", flush=True); sys.stdin.read()'],"
        " executable=sys.executable)\nsys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "supervisord"), TITLE.format("w1")],
        env={**os.environ, "TASKFLEET_SERVICE": "shop-worker-w1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout.readline() == "up\n"
        assert names_of(gather()) == {}
    finally:
        end(process)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("shop-worker@w1", ("worker", "w1")),
        ("shop-worker-w-1", ("worker", "w-1")),
        ("shop-beat", ("beat", "")),
        ("shop-flower", ("flower", "")),
        ("shop-eu-beat", None),
        ("shop-worker", None),
        ("shops-beat", None),
    ],
)
def test_names_of_services(name, parts):
    assert host.service_parts("shop", name) == parts


# -- supervisor


class Listener(socketserver.UnixStreamServer, xmlrpc.server.SimpleXMLRPCDispatcher):
    def __init__(self, path, entries):
        xmlrpc.server.SimpleXMLRPCDispatcher.__init__(self, allow_none=True)
        self.logRequests = False
        self.register_function(lambda: entries, "supervisor.getAllProcessInfo")
        super().__init__(path, Handler)


class Handler(xmlrpc.server.SimpleXMLRPCRequestHandler):
    rpc_paths = ("/", "/RPC2")
    disable_nagle_algorithm = False

    def address_string(self):
        return ""


@pytest.fixture
def supervisord(tmp_path):
    """Return a function that answers with these programs, and a manager that asks it."""
    with contextlib.ExitStack() as stack:

        def answering(*entries):
            server = stack.enter_context(Listener(str(tmp_path / "s.sock"), list(entries)))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            return Supervisor(str(tmp_path), str(tmp_path / "s.sock"))

        yield answering


def program(name, pid, state="RUNNING", **more):
    return {
        "name": name,
        "group": name,
        "start": 1767225600,
        "stop": 0,
        "now": 1767225660,
        "state": 20,
        "statename": state,
        "spawnerr": "",
        "exitstatus": 0,
        "logfile": "",
        "stdout_logfile": "",
        "stderr_logfile": "",
        "pid": pid,
        "description": "pid 5, uptime 0:01:00",
        **more,
    }


def write(tmp_path, name, owner="celery_worker", section="program"):
    (tmp_path / f"{name}.conf").write_text(f"{owned_files.marker('shop', owner)}\n[{section}:{name}]\n")


def test_programs_of_supervisor(supervisord, start, tmp_path):
    pid = start("shop-worker-w1")
    (tmp_path / "w1.log").write_text("ready\n")
    write(tmp_path, "shop-worker-w1")
    write(tmp_path, "shop-worker-w2")
    write(tmp_path, "shop-worker-health", section="eventlistener")
    write(tmp_path, "shop-beat", "celery_beat")
    (tmp_path / "other-beat.conf").write_text(f"{owned_files.marker('other', 'celery_beat')}\n[program:other-beat]\n")
    manager = supervisord(
        program("shop-worker-w1", pid, stdout_logfile=str(tmp_path / "w1.log")),
        program("shop-worker-w2", 0, "FATAL", stop=1767225630, spawnerr="Exited too quickly", exitstatus=1),
        program("shop-worker-health", 77),
        program("other-beat", 88),
    )
    evidence = gather(manager, manager="supervisor", instances=["w3"])
    assert sorted(evidence["instances"]) == ["w1", "w2", "w3"]
    assert evidence["instances"]["w1"]["service"] == {
        "name": "shop-worker-w1",
        "manager": "supervisor",
        "known": True,
        "enabled": True,
        "state": "active",
        "substate": "running",
        "result": "",
        "restarts": None,
        "since": "2026-01-01T00:00:00Z",
        "since_seconds": 60,
        "main_pid": pid,
        "exit_code": None,
        "exit_signal": None,
        "memory_limit_bytes": None,
        "status_text": "pid 5, uptime 0:01:00",
    }
    assert evidence["instances"]["w1"]["log"]["lines"] == ["ready"]
    assert [one["pid"] for one in evidence["instances"]["w1"]["processes"]] == [pid]
    failed = evidence["instances"]["w2"]["service"]
    assert (failed["state"], failed["result"], failed["exit_code"]) == ("failed", "Exited too quickly", 1)
    assert failed["since"] == "2026-01-01T00:00:30Z"
    assert evidence["instances"]["w3"]["service"]["known"] is False
    assert evidence["instances"]["w3"]["missing"]["service"] == "supervisor does not know shop-worker-w3"
    assert evidence["beat"]["service"]["known"] is False
    assert (evidence["flower"], evidence["missing"], evidence["strays"]) == (None, {}, [])


def test_supervisord_that_is_not_there_says_nothing_about_a_worker(start, tmp_path):
    pid = start("shop-worker-w1")
    write(tmp_path, "shop-worker-w1")
    evidence = gather(Supervisor(str(tmp_path), str(tmp_path / "s.sock")), manager="supervisor")
    assert evidence["missing"] == {"states": "supervisor does not run here"}
    assert evidence["instances"]["w1"]["missing"]["service"] == "supervisor does not run here"
    assert [one["pid"] for one in evidence["instances"]["w1"]["processes"]] == [pid]
    assert evidence["strays"] == []


def test_supervisord_that_does_not_answer_is_bounded(tmp_path, impatient):
    write(tmp_path, "shop-worker-w1")
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "s.sock"))
        mute.listen()
        evidence = gather(Supervisor(str(tmp_path), str(tmp_path / "s.sock")), manager="supervisor")
    assert set(evidence["missing"]) == {"states"}
    assert evidence["instances"]["w1"]["service"] is None


# -- systemd, as systemctl 252 of Debian 12 printed it

RUNNING = """\
Type=exec
NRestarts=3
MainPID=4711
MemoryMax=infinity
Result=success
ExecMainCode=0
ExecMainStatus=0
ControlGroup=/system.slice/system-shop\\x2dworker.slice/shop-worker@w1.service
StatusText=
StandardOutput=append:/var/log/shop/worker-w1.log
Id=shop-worker@w1.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
StateChangeTimestampMonotonic=60000000
"""
KILLED = """\
NRestarts=0
MainPID=0
MemoryMax=2147483648
Result=signal
ExecMainCode=2
ExecMainStatus=9
ControlGroup=
StandardOutput=journal
LoadState=loaded
ActiveState=failed
SubState=failed
UnitFileState=disabled
StateChangeTimestampMonotonic=60000000
"""
ABSENT = """\
NRestarts=0
MainPID=0
LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=
StateChangeTimestampMonotonic=0
"""


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """Return a function that makes programs of these texts."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def make(name, body):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)

    return make


def test_units(systemctl):
    systemctl("systemctl", "cat <<'END'\n" + "\n".join([RUNNING, KILLED, ABSENT]) + "END")
    began = time.clock_gettime(time.CLOCK_MONOTONIC)
    evidence = Systemd().evidence(["shop-worker@w1", "shop-worker@w2", "shop-worker@w3"], PATIENCE)
    running, killed, absent = evidence["shop-worker@w1"], evidence["shop-worker@w2"], evidence["shop-worker@w3"]
    assert (running["known"], running["enabled"], running["state"], running["substate"]) == (
        True,
        True,
        "active",
        "running",
    )
    assert (running["restarts"], running["main_pid"], running["result"]) == (3, 4711, "success")
    assert running["log_file"] == "/var/log/shop/worker-w1.log"
    assert (running["exit_code"], running["exit_signal"]) == (None, None)
    ended = time.clock_gettime(time.CLOCK_MONOTONIC)
    assert began - 60.1 <= running["since_seconds"] <= ended - 59.9
    assert (killed["state"], killed["exit_code"], killed["exit_signal"]) == ("failed", None, 9)
    assert (killed["log_file"], killed["control_group"]) == (None, None)
    assert (running["memory_limit_bytes"], killed["memory_limit_bytes"]) == (None, 2 << 30)
    assert (absent["known"], absent["since"], absent["since_seconds"]) == (False, None, None)


def test_systemctl_that_fails_or_hangs(systemctl):
    systemctl("systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
    with pytest.raises(ServiceError, match="Failed to connect to bus"):
        Systemd().evidence(["shop-beat"], PATIENCE)
    systemctl("systemctl", "exec sleep 600")
    with pytest.raises(ServiceError, match="no answer"):
        Systemd().evidence(["shop-beat"], 0.3)


def test_journal_has_last_words(systemctl):
    systemctl("journalctl", "echo \"$@\"; echo 'ready \\377'")
    text = Systemd().journal("shop-beat", 5, PATIENCE).decode()
    # Its last words too, of which journald may not know the unit any more.
    assert "_SYSTEMD_UNIT=shop-beat.service + UNIT=shop-beat.service _PID=1" in text
    assert "+ SYSLOG_IDENTIFIER=shop-beat _TRANSPORT=stdout" in text
    assert "--lines=5" in text
    systemctl("journalctl", "echo '-- No entries --'")
    assert Systemd().journal("shop-beat", 5, PATIENCE) == b""
    systemctl("journalctl", "echo 'Hint: You are currently not seeing messages from other users' >&2")
    with pytest.raises(ServiceError, match="not seeing messages"):
        Systemd().journal("shop-beat", 5, PATIENCE)
    systemctl("journalctl", "echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1")
    with pytest.raises(ServiceError, match="insufficient permissions"):
        Systemd().journal("shop-beat", 5, PATIENCE)


def test_host_without_systemd(systemctl, tmp_path, monkeypatch):
    monkeypatch.setattr(systemd.Systemd, "available", lambda _self: False)
    evidence = gather(Systemd(str(tmp_path)), manager="systemd", instances=["w1"])
    assert evidence["missing"] == {"states": "systemd does not run here"}
    assert evidence["instances"]["w1"]["service"] is None
    assert evidence["instances"]["w1"]["missing"]["sockets"] == "no process runs"


class Page(http.server.BaseHTTPRequestHandler):
    """A page that wants a password."""

    def do_GET(self):
        self.send_error(401)

    def log_message(self, *_arguments):
        pass


def page_of(port, **params):
    params = {**DEFAULTS, "flower_url": f"http://127.0.0.1:{port}/prefix/", **params}
    return host.page_of(host.Request(params, None, "web1"))


def test_page_that_wants_a_password_answers():
    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert page_of(server.server_port) == {"ok": True, "error": ""}
        thread.join(PATIENCE)


def test_page_that_takes_the_connection_and_says_nothing_does_not_answer(broker):
    page = page_of(broker, timeout=1.0)
    assert page["ok"] is False
    assert "no HTTP answer" in page["error"] or "no answer" in page["error"]


def test_page_that_nobody_serves_does_not_answer():
    assert page_of(free_port())["ok"] is False
