# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sentinel concludes from what it sees. Its file is loaded without Celery, which it must survive, too."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import pathlib
import socket
import struct
import time
import types

import pytest

FILE = pathlib.Path(__file__).resolve().parents[3] / "roles/celery_app/files/taskfleet_sentinel.py"


@pytest.fixture(scope="module")
def sentinel():
    spec = importlib.util.spec_from_file_location("taskfleet_sentinel_under_test", str(FILE))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HEALTHY = {
    "phase": "ready",
    "phase_age": 100,
    "connected": True,
    "reachable": True,
    "reachable_for": 100,
    "loop_age": 0.5,
    "explained": "",
    "silence": 0.5,
    "heard_since_silence": False,
    "missing": [],
    "stopped": [],
    "undelivered": 0,
    "waiting": 0,
    "idle_waiting": 0,
    "unasked": 0,
}


@pytest.mark.parametrize(
    ("facts", "state", "problem", "vouch"),
    [
        ({}, "ready", "", True),
        ({"phase": "starting"}, "starting", "hung_in_startup", True),
        ({"phase": "starting", "phase_age": 10}, "starting", "", True),
        ({"phase": "starting", "phase_age": 100, "reachable": False, "connected": False}, "broker_down", "", True),
        ({"phase": "draining", "loop_age": 100}, "draining", "", True),
        ({"loop_age": 9}, "ready", "", False),
        ({"loop_age": 11}, "ready", "loop_stalled", False),
        ({"loop_age": 100, "explained": "runs a"}, "ready", "", True),
        ({"loop_age": 100, "reachable": False}, "broker_down", "", True),
        ({"connected": False, "loop_age": 100, "reachable": False}, "broker_down", "", True),
        ({"connected": False, "loop_age": 40, "reachable_for": 40}, "broker_down", "", True),
        ({"connected": False, "loop_age": 70, "reachable_for": 70}, "ready", "connection_lost", False),
        ({"connected": False, "loop_age": 70, "reachable": None}, "broker_down", "", True),
        ({"silence": 20, "heard_since_silence": True}, "ready", "connection_lost", True),
        ({"silence": 20}, "ready", "", True),
        ({"silence": None}, "ready", "", True),
        ({"missing": ["a", "b"]}, "ready", "wrong_queues", True),
        ({"stopped": [7]}, "ready", "pool_dead", True),
        ({"undelivered": 11}, "ready", "pool_dead", True),
        ({"waiting": 3, "idle_waiting": 9}, "ready", "not_consuming", True),
        ({"waiting": 3, "idle_waiting": 7}, "ready", "", True),
        ({"waiting": 0, "idle_waiting": 100}, "ready", "", True),
        ({"unasked": 9}, "ready", "not_consuming", True),
        ({"unasked": 7}, "ready", "", True),
    ],
)
def test_judge(sentinel, facts, state, problem, vouch):
    answer = sentinel.judge({**HEALTHY, **facts})
    assert (answer[0], answer[1], answer[3]) == (state, problem, vouch)
    assert bool(answer[2]) == bool(problem)


def test_sentinel_concludes_nothing_while_the_broker_is_down(sentinel):
    wrong = {"loop_age": 100, "silence": 100, "missing": ["a"], "stopped": [1], "undelivered": 99, "waiting": 9}
    assert sentinel.judge({**HEALTHY, **wrong, "idle_waiting": 99, "reachable": False})[:2] == ("broker_down", "")


@pytest.mark.parametrize(
    ("task", "explained"),
    [
        ({"name": "a", "started": 1000, "hard": 60}, True),
        ({"name": "a", "started": 940, "hard": 60}, True),
        ({"name": "a", "started": 900, "hard": 60}, False),
        ({"name": "a", "started": 1, "hard": None}, True),
        ({"name": "a", "started": None, "hard": 60}, False),
    ],
)
def test_solo_task_explains_the_loop_within_its_limit(sentinel, task, explained):
    assert bool(sentinel.explain_solo([task], 1005)) is explained


@pytest.mark.parametrize(
    ("facts", "state", "problem", "vouch"),
    [
        ({"ready_at": None}, "starting", "", True),
        ({"overdue": -3000}, "ready", "", True),
        ({"overdue": 29}, "ready", "", True),
        ({"overdue": 31}, "ready", "loop_stalled", False),
        ({"overdue": 31, "reachable": False}, "broker_down", "", True),
        ({"overdue": 31, "reachable": None}, "ready", "loop_stalled", False),
    ],
)
def test_judge_beat(sentinel, facts, state, problem, vouch):
    answer = sentinel.judge_beat({"ready_at": 1, "overdue": 0, "reachable": True, **facts})
    assert (answer[0], answer[1], answer[3]) == (state, problem, vouch)


def test_status_line(sentinel):
    heartbeat = {"state": "ready", "problem": "", "active_count": 2, "concurrency": 4, "completed_total": 118}
    heartbeat["queues"] = ["high_priority", "default"]
    assert sentinel.status_line(heartbeat) == "ready, 2/4 busy, 118 done, queues high_priority,default"
    heartbeat.update(problem="loop_stalled", detail="the consumer loop has not turned for 12 s")
    status = sentinel.status_line(heartbeat)
    assert status.startswith("ready, loop_stalled: the consumer loop has not turned for 12 s, 2/4")


def test_render_is_json_with_a_line_for_each_field(sentinel):
    heartbeat = {"schema": 1, "detail": 'a "quoted"\nline', "active": [{"id": "x"}], "queues": []}
    text = sentinel.render(heartbeat)
    assert json.loads(text) == heartbeat
    assert len(text.splitlines()) == len(heartbeat) + 2


@pytest.mark.parametrize("driver", ["redis", "rediss", "sentinel"])
def test_redis_gets_safe_transport_defaults(sentinel, driver):
    options, settings = sentinel.transport_defaults(driver, "w 1@h", (5, 6))
    assert options["socket_keepalive"] is True
    assert (options["socket_timeout"], options["health_check_interval"]) == (30, 25)
    assert options["client_name"] == "w_1@h"
    assert settings == {"broker_channel_error_retry": True}


def test_client_name_needs_a_kombu_that_knows_it(sentinel):
    assert "client_name" not in sentinel.transport_defaults("redis", "w1@h", (5, 5))[0]


@pytest.mark.parametrize(
    ("prefix", "name", "expected"),
    [
        (None, "broker_channel_error_retry", True),
        (None, "BROKER_CHANNEL_ERROR_RETRY", True),
        ("CELERY_", "CELERY_BROKER_CHANNEL_ERROR_RETRY", True),
        (None, "CELERY_BROKER_CHANNEL_ERROR_RETRY", False),
    ],
)
def test_settings_of_the_application_are_known_in_their_namespace(sentinel, prefix, name, expected):
    conf = types.SimpleNamespace(prefix=prefix, maps=[{}, {name: False}, {"broker_channel_error_retry": False}])
    assert sentinel.set_by_application(conf, "broker_channel_error_retry") is expected


def test_rabbitmq_keeps_its_settings(sentinel):
    assert sentinel.transport_defaults("amqp", "w1@h", (5, 7)) == ({}, {})


def test_last_received_is_what_linux_says(sentinel):
    info = struct.pack("=8B24I", *range(8), *range(100, 124))
    assert sentinel.last_received(info) == 111


def test_last_received_of_a_real_socket(sentinel):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _address = server.accept()
        with accepted:
            began = time.monotonic()
            accepted.sendall(b"x")
            client.recv(1)
            info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 60)
    # The kernel counts in ticks.
    assert sentinel.last_received(info) <= (time.monotonic() - began) * 1000 + 10


def test_heartbeat_is_readable_by_all_and_replaced(sentinel, tmp_path):
    mask = os.umask(0o077)
    try:
        file = sentinel.File(str(tmp_path / "w1.json"))
        file.write("one")
        file.write("two")
    finally:
        os.umask(mask)
    assert (tmp_path / "w1.json").read_text() == "two"
    assert (tmp_path / "w1.json").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["w1.json"]


def test_complaint_is_made_once(sentinel, capfd):
    complain = sentinel.Complaints()
    complain("no heartbeat", OSError("full"))
    complain("no heartbeat", OSError("full"))
    assert capfd.readouterr().err == "taskfleet_sentinel: no heartbeat: OSError('full')\n"


def test_systemd_is_notified_and_no_task_inherits_its_socket(sentinel, tmp_path):
    environment = {"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "1", "WATCHDOG_PID": "2", "HOME": "/"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(environment["NOTIFY_SOCKET"])
        sentinel.Notifier(environment)("READY=1", "STATUS=ready")
        assert listener.recv(100) == b"READY=1\nSTATUS=ready"
    assert environment == {"HOME": "/"}


class Unmade:
    """As the gevent pool of Celery 5.3: it counts a pool that it makes when it starts."""

    made = None

    @property
    def num_processes(self):
        return len(self.made)


@pytest.mark.parametrize(("pool", "slots"), [(None, 0), (Unmade(), 0), (types.SimpleNamespace(num_processes=4), 4)])
def test_slots_of_a_pool_that_has_not_started(sentinel, pool, slots):
    worker = sentinel.Worker.__new__(sentinel.Worker)
    worker.controller = types.SimpleNamespace(pool=pool)
    assert worker.concurrency() == slots


# What crosses from the loop to the native thread.


class Consumer:
    """A consumer of an application that consumes two queues over AMQP, as far as the loop's class asks it."""

    hub = None
    pool = types.SimpleNamespace(is_green=True)
    conninfo = types.SimpleNamespace(supports_exchange_type=lambda _kind: True)
    task_consumer = types.SimpleNamespace(_active_tags={"b": "2", "a": "1"}, channel=object())

    def __init__(self):
        self.soon = []

    def call_soon(self, operation):
        self.soon.append(operation)


@pytest.fixture
def worker(sentinel):
    conf = types.SimpleNamespace(worker_enable_remote_control=True)
    pool = types.SimpleNamespace(num_processes=4)
    controller = types.SimpleNamespace(app=types.SimpleNamespace(conf=conf), hostname="w1@h", pool=pool)
    return sentinel.Worker(controller, "", lambda *_lines: None)


def test_notes_of_a_worker_from_its_start_to_its_end(worker):
    notes, consumer = worker.notes, Consumer()
    assert (notes.phase, notes.connected, notes.turned_at) == ("starting", False, None)
    worker.loop.on_connected(consumer)
    assert (notes.consumer, notes.connected, notes.connections) == (consumer, True, 1)
    assert (notes.green, notes.remote_control) == (True, True)
    worker.loop.on_ready()
    assert (notes.phase, notes.queues, notes.declared, notes.turns) == ("ready", ["a", "b"], ("a", "b"), 0)
    worker.loop.tick()
    assert (notes.turns, notes.silence, notes.unasked_since) == (1, None, None)
    worker.loop.on_draining()
    assert notes.phase == "draining"
    assert worker.blind == ""


def test_lost_connection_is_noted_once(worker):
    worker.loop.on_connected(Consumer())
    worker.loop.on_disconnected()
    lost_at = worker.notes.lost_at
    worker.loop.on_disconnected()
    assert (worker.notes.connected, worker.notes.lost_at) == (False, lost_at)
    worker.loop.on_connected(Consumer())
    assert (worker.notes.connected, worker.notes.connections) == (True, 2)


def test_copied_notes_stay_as_they_were(worker):
    seen = worker.notes.copy()
    assert vars(seen) == vars(worker.notes)
    worker.loop.on_connected(Consumer())
    worker.loop.tick()
    assert (seen.connected, seen.turns, seen.queues) == (False, 0, [])


def test_loop_that_fails_makes_the_sentinel_stand_aside(worker, capfd):
    worker.loop.on_connected(object())
    assert worker.blind == "the loop's turns cannot be seen"
    assert "the loop's turns cannot be seen" in capfd.readouterr().err


def test_turn_is_asked_for_once_until_it_came(worker):
    consumer = Consumer()
    worker.loop.on_connected(consumer)
    now = time.monotonic()
    worker.ask_for_a_turn(worker.notes.copy(), now)
    worker.ask_for_a_turn(worker.notes.copy(), now + 5)
    assert len(consumer.soon) == 1
    worker.ask_for_a_turn(worker.notes.copy(), now + 11)
    assert len(consumer.soon) == 2
    consumer.soon[0]()
    turned_at = worker.notes.turned_at
    worker.ask_for_a_turn(worker.notes.copy(), turned_at + 0.5)
    assert len(consumer.soon) == 2
    worker.ask_for_a_turn(worker.notes.copy(), turned_at + 1)
    assert len(consumer.soon) == 3


def test_only_the_loop_writes_its_notes(worker):
    classes = {node.name: node for node in ast.parse(FILE.read_text()).body if isinstance(node, ast.ClassDef)}
    writers = {name: written_notes(tree) for name, tree in classes.items()}
    assert writers.pop("LoopWatch") == set(vars(worker.notes))
    assert {name: fields for name, fields in writers.items() if fields} == {}


def written_notes(tree):
    """The fields of ``notes``, ``self.notes`` or ``seen`` to which a class assigns."""
    places = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)]
    return {
        place.attr
        for place in places
        if getattr(place.value, "id", "") in ("notes", "seen") or getattr(place.value, "attr", "") == "notes"
    }


def test_tasks_that_are_taken_and_not_run_are_counted(sentinel):
    worker = types.SimpleNamespace(expired_total=0, revoked_total=0)
    for told in ({"expired": True}, {"expired": False}, {"expired": False, "terminated": True}, {"expired": True}):
        sentinel.Worker.on_discarded(worker, request=None, signum=None, **told)
    assert (worker.expired_total, worker.revoked_total) == (2, 1)
