# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a deployment waits for a service, and what it says of one that does not become ready."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._service import apply, ready, systemd
from ansible_collections.taskfleet.celery.plugins.module_utils._service.errors import ServiceError

# A systemctl whose restart gives the unit another main process, and ends by itself only if it is to.
SYSTEMCTL = """#!/bin/sh
cd {directory}
case $1 in
  show) printf 'Id=%s\\nActiveState=activating\\nMainPID=%s\\nUnitFileState=enabled\\n' "$3" "$(cat pid)" ;;
  reset-failed) ;;
  *) echo $1 $2 >>done; echo 20 >pid; {then} ;;
esac
"""


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """Return a function that makes systemd out of a script that does this in the end."""

    def make(then):
        path = tmp_path / "systemctl"
        path.write_text(SYSTEMCTL.format(directory=tmp_path, then=then))
        path.chmod(0o755)
        (tmp_path / "pid").write_text("10")
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        return systemd.Systemd()

    return make


def test_start_is_waited_for_from_the_new_process_on(manager, tmp_path):
    # The time that a stop may take is not waited for once the new process is there.
    with pytest.raises(ServiceError, match="shop-worker@w1 is not ready within 1 s after its start"):
        manager("exec sleep 600").restart("shop-worker@w1", 600, 1)
    assert (tmp_path / "done").read_text() == "restart shop-worker@w1.service\n"


def test_start_that_fails_is_told_in_words_of_systemd(manager):
    with pytest.raises(ServiceError, match=r"systemctl start w1\.service: Job failed"):
        manager("echo Job failed >&2; exit 1").start("w1", 600)
    manager("exit 0").start("w1", 600)


class Supervisor:
    """What knows the main process only."""

    def __init__(self, active="active"):
        self.active = active

    def status(self, names):
        return {names[0]: {"main_pid": 7, "active": self.active}}


@pytest.mark.parametrize(
    ("heartbeat", "is_ready"),
    [
        ({"pid": 7, "state": "ready", "ready_at": 1.0}, True),
        ({"pid": 7, "state": "broker_down", "ready_at": 1.0}, True),
        ({"pid": 7, "sentinel": "no heartbeat"}, True),
        ({"pid": 7, "state": "broker_down", "ready_at": None}, False),
        ({"pid": 6, "state": "ready", "ready_at": 1.0}, False),
        ([], False),
        (None, False),
    ],
)
def test_heartbeat_tells_that_a_service_is_ready(tmp_path, heartbeat, is_ready):
    path = tmp_path / "heartbeat.json"
    if heartbeat is not None:
        path.write_text(json.dumps(heartbeat))
    if is_ready:
        ready.wait_ready(Supervisor(), "shop-worker-w1", str(path), 0)
        return
    with pytest.raises(ServiceError, match="shop-worker-w1 is not ready within 0 s after its start") as caught:
        ready.wait_ready(Supervisor(), "shop-worker-w1", str(path), 0)
    is_own = bool(heartbeat) and heartbeat["pid"] == 7
    assert ("its sentinel says broker_down" in str(caught.value)) is is_own


def test_service_that_is_given_up_is_not_waited_for(tmp_path):
    with pytest.raises(ServiceError, match="w1 is failed after its start, expected active"):
        ready.wait_ready(Supervisor("failed"), "w1", str(tmp_path / "none"), 600)


class Explains:
    def explain(self, _name):
        return "systemd: Starting."


@pytest.mark.parametrize("kind", ["file", "link", "missing"])
def test_own_last_lines_are_told_where_the_log_is_a_file(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(apply, "manager_of", lambda _params, _step: Explains())
    path, other = tmp_path / "worker-w1.log", tmp_path / "other"
    other.write_text("hunter22\n")
    if kind == "file":
        path.write_text("x" * 3000 + "\nconsumer: Cannot connect to redis://broker\n")
    elif kind == "link":
        path.symlink_to(other)
    params = {"services": [{"name": "w1", "log_file": str(path)}]}
    told = apply.last_lines(params, {"name": "w1"})
    assert told.startswith("systemd: Starting.\n")
    assert told.endswith("consumer: Cannot connect to redis://broker") is (kind == "file")
    assert "hunter22" not in told
    assert len(told) < 2100
    assert apply.last_lines({"services": []}, {"name": "w1"}) == "systemd: Starting."
    assert apply.last_lines(params, None) == ""
