# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import pwd

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._observe import host, processes

CELERY = ("/opt/shop/venv/bin/python3", "/opt/shop/venv/bin/celery")
WORKER = (*CELERY, "-A", "shop.celery", "worker")
BEAT = (*CELERY, "-A", "shop.celery", "beat")
MARKED = {"TASKFLEET_SERVICE": "shop-worker@w1"}
HOST = "web1.example.org"


class FakeProc:
    """A /proc whose host was started at 2026-01-01 00:00 UTC, and its processes 100 seconds later."""

    def __init__(self, root):
        self.root = root
        (root / "stat").write_text("cpu 1 2 3\nbtime 1767225600\nprocesses 5\n")
        (root / "self" / "ns").mkdir(parents=True)
        (root / "self" / "ns" / "pid").symlink_to("pid:[1]")

    def add(self, pid, *argv, ppid=1, environment=None, namespace="pid:[1]", comm="celery"):
        directory = self.root / str(pid)
        (directory / "ns").mkdir(parents=True)
        (directory / "ns" / "pid").symlink_to(namespace)
        (directory / "cmdline").write_bytes("".join(f"{word}\0" for word in argv).encode())
        pairs = {"PATH": "/usr/bin", **(environment or {})}
        (directory / "environ").write_bytes("".join(f"{name}={value}\0" for name, value in pairs.items()).encode())
        ticks = 100 * os.sysconf("SC_CLK_TCK")
        (directory / "stat").write_text(f"{pid} ({comm}) S {ppid} {'0 ' * 17}{ticks} 0 0\n")
        return directory

    def scan(self, **known):
        return processes.scan(str(self.root), HOST, **known)

    def strays(self, app="shop.celery", kinds=processes.KINDS, **known):
        params = {"name": None, "app": app, "kinds": kinds}
        return [process["pid"] for process in host.strays(params, self.scan(app=app, **known), None, ())]


@pytest.fixture
def proc(tmp_path):
    return FakeProc(tmp_path)


def describe(*argv):
    return processes.describe(list(argv), HOST)


@pytest.mark.parametrize(
    "argv",
    [
        ("celery", "-A", "shop", "worker", "-n", "w1@web1"),
        ("/opt/shop/venv/bin/celery", "--app=shop", "worker", "--hostname=w1@web1"),
        (*CELERY, "--app", "shop", "worker", "--hostname", "w1@web1"),
        ("python3.11", "-m", "celery", "-Ashop", "worker", "-nw1@web1"),
        ("python", "-W", "ignore", "-u", "-m", "celery", "-b", "redis://h", "-A", "shop", "worker", "-n", "w1@web1"),
        ("celery", "worker", "-A", "shop", "-n", "w1@web1"),
        ("[celeryd: w1@web1:MainProcess] -active- (-A shop worker -n w1@%h)",),
    ],
)
def test_workers(argv):
    assert describe(*argv) == {"kind": "worker", "app": "shop", "node": "w1@web1", "embedded_beat": False}


@pytest.mark.parametrize(
    "argv",
    [
        ("celery", "-A", "shop", "beat"),
        (*CELERY, "--app=shop", "beat", "-s", "/x"),
        ("[celery beat] -A shop beat -s /x",),
    ],
)
def test_beats(argv):
    assert describe(*argv) == {"kind": "beat", "app": "shop", "node": "", "embedded_beat": False}


def test_flower():
    assert describe("celery", "-A", "shop", "flower", "--port=5555")["kind"] == "flower"


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("grep", "celery", "beat"),
        ("sh", "-c", "celery -A shop beat"),
        ("vim", "celery"),
        ("celery", "-A", "shop", "inspect", "ping"),
        ("celery",),
        ("celery", "-A"),
        ("python3", "-c", "import celery", "worker"),
        ("python3", "-m", "pytest", "celery", "worker"),
        ("python3", "-m"),
        ("python3", "/srv/other.py", "celery", "worker"),
        ("python3",),
        ("celeryx", "worker"),
    ],
)
def test_other_process_is_not_celery(argv):
    assert describe(*argv) is None


@pytest.mark.parametrize(
    ("words", "node"),
    [
        ((), f"celery@{HOST}"),
        (("-n", "w1"), f"w1@{HOST}"),
        (("-n", "w1@%h"), f"w1@{HOST}"),
        (("-n", "w1@%n"), "w1@web1"),
        (("-n", "w1@%d"), "w1@example.org"),
        (("-n",), f"celery@{HOST}"),
    ],
)
def test_names_of_nodes(words, node):
    assert describe(*WORKER, *words)["node"] == node


@pytest.mark.parametrize("words", [("-B",), ("--beat",), ("-EB",), ("-Bl", "INFO"), ("-c", "2", "-B")])
def test_embedded_beat(words):
    assert describe(*WORKER, *words)["embedded_beat"]


@pytest.mark.parametrize("words", [("-E",), ("-lB",), ("-nB",), ("-Q", "B"), ("--beatnik",)])
def test_no_embedded_beat(words):
    assert not describe(*WORKER, *words)["embedded_beat"]


def test_embedded_beat_in_a_title():
    assert describe("[celeryd: w1@web1:MainProcess] -active- (-A shop worker -B)")["embedded_beat"]


def test_title_that_shell_quoting_cannot_read():
    assert describe("[celery beat] -A shop beat -s it's")["app"] == "shop"


def test_process_in_full(proc):
    proc.add(7, *WORKER, "-n", "w1@%h", ppid=3, environment=MARKED, comm="a) (b")
    (process,) = proc.scan()
    assert process == {
        "pid": 7,
        "ppid": 3,
        "kind": "worker",
        "role": "main",
        "app": "shop.celery",
        "node": f"w1@{HOST}",
        "user": pwd.getpwuid(os.getuid()).pw_name,
        "cmdline": " ".join([*WORKER, "-n", "w1@%h"]),
        "embedded_beat": False,
        "service": "shop-worker@w1",
        "environment_readable": True,
        "started_at": "2026-01-01T00:01:40Z",
    }


def test_other_processes_are_left_out(proc):
    proc.add(1, "/sbin/init")
    proc.add(2)
    proc.add(3, "bash", "-c", "celery -A shop beat")
    assert proc.scan() == []


def test_process_that_ended_meanwhile_is_left_out(proc):
    (proc.add(5, *BEAT) / "stat").unlink()
    (proc.add(6, *BEAT) / "cmdline").unlink()
    assert proc.scan() == []


def test_processes_in_containers_are_left_out(proc):
    proc.add(5, *BEAT, namespace="pid:[2]")
    proc.add(6, *BEAT)
    assert [process["pid"] for process in proc.scan()] == [6]


def test_namespace_that_cannot_be_read_is_taken_for_the_hosts(proc):
    (proc.add(5, *BEAT) / "ns" / "pid").unlink()
    assert len(proc.scan()) == 1


def test_children_belong_to_their_parent(proc):
    proc.add(9, "[celeryd: w1@web1:MainProcess] -active- (-A shop worker -B)")
    proc.add(10, "[celeryd: w1@web1:ForkPoolWorker-1]", ppid=9)
    proc.add(11, "[celery beat]", ppid=9)
    proc.add(100, *WORKER, "-B")
    proc.add(101, *WORKER, "-B", ppid=100)
    found = {process["pid"]: (process["role"], process["app"], process["embedded_beat"]) for process in proc.scan()}
    assert found == {
        9: ("main", "shop", True),
        10: ("child", "shop", False),
        11: ("child", "shop", False),
        100: ("main", "shop.celery", True),
        101: ("child", "shop.celery", False),
    }


def test_application_can_come_from_the_environment(proc):
    proc.add(5, "celery", "beat", environment={"APP": "shop.celery"})
    assert proc.strays() == [5]


def test_passwords_are_taken_out(proc):
    proc.add(5, "celery", "-A", "shop", "-b", "redis://:hunter2@h/0", "flower", "--basic_auth=u:hunter2")
    proc.add(6, "celery", "-A", "shop", "flower", "--basic-auth", "u:hunter2")
    assert "hunter2" not in str(proc.scan())
    assert "redis://:***@h/0" in proc.scan()[0]["cmdline"]


def test_long_command_lines_are_cut(proc):
    proc.add(5, *BEAT, "x" * 1000)
    assert len(proc.scan()[0]["cmdline"]) == processes.LONGEST_CMDLINE + len("...")


def test_command_lines_that_just_fit_are_whole(proc):
    proc.add(5, *BEAT, "x" * (processes.LONGEST_CMDLINE - len(" ".join(BEAT)) - 1))
    assert proc.scan()[0]["cmdline"].endswith("x")


def test_user_without_a_name_is_a_number(proc, monkeypatch):
    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    proc.add(5, *BEAT)
    assert proc.scan()[0]["user"] == str(os.getuid())


def test_strays(proc):
    proc.add(5, *BEAT)
    proc.add(6, *BEAT, environment=MARKED)
    proc.add(7, *WORKER)
    proc.add(8, *WORKER, "-B")
    proc.add(9, *WORKER, "-B", ppid=8)
    proc.add(10, "celery", "-A", "other", "beat")
    proc.add(11, "celery", "beat")
    assert proc.strays() == [5, 7, 8]
    assert proc.strays(kinds=["beat"]) == [5, 8]
    assert proc.strays(kinds=["flower"]) == []
    assert proc.strays(app="other") == [10]
    assert proc.strays(app="") == []


def test_who_cannot_be_asked_is_no_stray(proc, monkeypatch):
    proc.add(5, *BEAT)
    monkeypatch.setattr(os, "access", lambda *_arguments: False)
    assert proc.scan()[0]["environment_readable"] is False
    assert proc.strays() == []


@pytest.mark.parametrize("other", ["shop", "shop.celery", "shop:app", "shop.celery:app"])
def test_spellings_of_one_application(other):
    assert processes.same_app("shop.celery", other)


@pytest.mark.parametrize("other", ["", "shops", "shop.tasks", "celery"])
def test_other_applications(other):
    assert not processes.same_app("shop.celery", other)


def test_real_proc_can_be_read():
    assert isinstance(processes.scan(), list)


SERVER = ["/opt/shop/venv/bin/nautobot-server", "celery"]


@pytest.mark.parametrize(
    ("argv", "app"),
    [
        (("/opt/shop/venv/bin/python", *SERVER, "-A", "core.celery", "worker", "--hostname=w1@web1"), "core.celery"),
        (("/opt/shop/venv/bin/python3.11", *SERVER, "worker", "--hostname=w1@web1"), "shop"),
        ((*SERVER, "worker", "--hostname=w1@web1"), "shop"),
        (("[celeryd: w1@web1:MainProcess] -active- (celery worker -n w1@web1)",), "shop"),
        (("[celeryd: w1@web1:MainProcess] -active- (-A core worker -n w1@web1)",), "core"),
    ],
)
def test_worker_is_known_by_the_applications_own_command(argv, app):
    seen = processes.describe(list(argv), HOST, SERVER, "shop")
    assert seen == {"kind": "worker", "app": app, "node": "w1@web1", "embedded_beat": False}


@pytest.mark.parametrize(
    "argv",
    [
        ("vim", *SERVER, "worker"),
        ("python3", "/opt/shop/venv/bin/nautobot-server", "migrate", "worker"),
        ("python3", *SERVER, "inspect", "ping"),
        ("python3", "/srv/other.py", "celery", "worker"),
    ],
)
def test_other_process_is_not_the_applications_own_command(argv):
    assert processes.describe(list(argv), HOST, SERVER, "shop") is None


def test_celery_itself_is_known_beside_the_applications_own_command():
    assert processes.describe(["celery", "-A", "other", "beat"], HOST, SERVER, "shop")["app"] == "other"


def test_beat_that_was_started_by_hand_with_the_own_command_is_a_stray(proc):
    proc.add(5, "/opt/shop/venv/bin/python3", *SERVER, "beat")
    assert proc.strays() == []
    assert proc.strays(command=SERVER) == [5]
