# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import time

import pytest
import yaml
from ansible_collections.taskfleet.celery.plugins.modules import celery_host_info

PROCESS = {
    "pid": 5,
    "ppid": 1,
    "kind": "beat",
    "role": "main",
    "app": "shop",
    "node": "",
    "user": "shop",
    "cmdline": "celery -A shop beat",
    "embedded_beat": False,
    "service": "",
    "environment_readable": True,
    "started_at": "2026-01-01T00:00:00Z",
}
WORKER = {**PROCESS, "pid": 6, "kind": "worker", "node": "w1@web1", "service": "shop-worker@w1"}


@pytest.fixture
def run(run_module, monkeypatch):
    """Return a function that runs the module on a host with two processes."""

    def with_arguments(**arguments):
        monkeypatch.setattr(celery_host_info, "scan", lambda **_known: [PROCESS, WORKER])
        began = time.time()
        result = run_module(celery_host_info, **arguments)
        for sample in [] if result.get("failed") else result.get("samples") or [result]:
            assert began <= sample["clock"]["began_at"] <= sample["clock"]["ended_at"] <= time.time()
        return result

    return with_arguments


@pytest.mark.parametrize("check_mode", [False, True])
def test_everything(run, check_mode):
    result = run(check_mode=check_mode)
    assert result["changed"] is False
    assert [process["pid"] for process in result["processes"]] == [5, 6]
    assert result["strays"] == []


def test_one_kind_of_one_application(run):
    result = run(app="shop", kinds=["beat"])
    assert [process["pid"] for process in result["processes"]] == [5]
    assert [process["pid"] for process in result["strays"]] == [5]


def test_unknown_kinds_are_refused(run):
    assert run(kinds=["broker"])["failed"]


def test_services_of_an_application(run, tmp_path):
    """What is missing of a worker that does not run is said, and nothing fails."""
    result = run(
        name="shop",
        app="shop",
        instances=["w9"],
        manager="supervisor",
        supervisor_directory=str(tmp_path),
        supervisor_socket=str(tmp_path / "s.sock"),
        sample=0,
        directories=[str(tmp_path)],
        broker_url="redis://:hunter2222@127.0.0.1/0",
    )
    assert set(result) - {"changed", "invocation"} == set(documented()) - {"samples"}
    worker = result["instances"]["w9"]
    assert set(worker) == set(documented()["instances"]["contains"])
    assert set(worker["missing"]) == {"service", "memory", "sockets", "log", "heartbeat"}
    assert set(result["disks"][0]) == set(documented()["disks"]["contains"])
    assert set(result["clock"]) == set(documented()["clock"]["contains"])
    assert [process["pid"] for process in result["strays"]] == [5]
    assert "hunter" not in json.dumps(result)


def test_processes_that_cannot_be_read(run_module, monkeypatch):
    def refuse(**_known):
        raise PermissionError(13, "Permission denied", "/proc")

    monkeypatch.setattr(celery_host_info, "scan", refuse)
    result = run_module(celery_host_info)
    assert result["failed"]
    assert result["msg"] == "the processes of the host cannot be read: /proc: Permission denied"


def documented():
    return yaml.safe_load(celery_host_info.RETURN)


def test_every_key_is_documented():
    assert set(documented()["processes"]["contains"]) == set(PROCESS)
    assert set(documented()["strays"]["contains"]) == {*PROCESS, "reason"}


def test_every_key_of_the_evidence_is_documented():
    from ansible_collections.taskfleet.celery.plugins.module_utils._observe import process_tree, sockets
    from ansible_collections.taskfleet.celery.plugins.module_utils._service import supervisor

    evidence = documented()["instances"]["contains"]
    facts = process_tree.look([os.getpid()])
    (process,), _ended = process_tree.compare(facts, facts, os.getpid(), "web1")
    assert set(evidence["processes"]["contains"]) == set(process)
    service = {*supervisor._UNKNOWN, "name", "manager"} - {"control_group", "log_file"}
    assert set(evidence["service"]["contains"]) == service
    assert set(evidence["log"]["contains"]) == {"source", "modified_at", "size", "lines"}
    assert {"local", "state", "send_queue"} < set(evidence["sockets"]["contains"])
    assert sockets.MOST == 100


def test_several_samples_of_one_call(run):
    result = run(name="shop", app="shop", manager="none", samples=[0, 0])
    assert set(result) - {"changed", "invocation"} == {"samples"}
    first, second = result["samples"]
    assert set(first) == set(second) == set(documented()) - {"samples"}
    assert first["clock"]["ended_at"] <= second["clock"]["began_at"]
