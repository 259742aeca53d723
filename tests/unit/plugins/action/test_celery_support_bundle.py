# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import os
import stat
import tarfile
from unittest.mock import MagicMock

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.template import Templar
from ansible_collections.taskfleet.celery.plugins.action import celery_support_bundle
from ansible_collections.taskfleet.celery.plugins.module_utils._observe import bundle as _bundle

# One password for each place where one can be.
SECRETS = [
    f"planted-{place}" for place in ("url", "env", "kwargs", "args", "unit", "flower", "report", "key", 'quo"te')
]
ENVIRONMENTS = [
    {"BROKER": "redis://:planted-url@broker/0", "DB_PASSWORD": "planted-args", "OTHER_TOKEN": 'planted-quo"te'},
    {"KEY_SECRET": "planted-key", "PLAIN": "visible"},
    {"basic_auth": "ops:planted-flower"},
]
LOG = [
    "Connected to redis://:planted-url@broker:6379/0",
    "DB_PASSWORD=planted-env",
    "Task shop.login[1] received kwargs={'user': 'u', 'password': 'planted-kwargs'}",
    "Task shop.login[2] received args=('u', 'planted-args')",
    "flower: planted-flower",
    "ready",
]
WORKER = {
    "kind": "worker",
    "service": {"name": "shop-worker@w1", "state": "active", "since": "2026-01-01T00:00:00Z"},
    "log": {"source": "journal", "lines": LOG},
    "missing": {},
}
EVIDENCE = {
    "changed": False,
    "invocation": {"module_args": {"name": "shop"}},
    "instances": {"w1": WORKER},
    "beat": None,
    "flower": None,
    "strays": [{"pid": 7, "reason": "not started by this collection"}],
    "missing": {"/nowhere": "No such file or directory"},
    "by": {"planted-key": 'planted-quo"te'},
}
UNIT = "[Service]\nEnvironment=DB_PASSWORD=planted-unit\nExecStart=/opt/shop/venv/bin/celery\n"
UNITS = {
    "results": [
        {"source": "/etc/systemd/system/shop-worker@w1.service", "content": base64.b64encode(UNIT.encode()).decode()},
        {
            "failed": False,
            "failed_when_suppressed_exception": "(none)",
            "msg": "file not found",
            "item": "shop-worker@w2",
        },
    ]
}
INSPECT = {
    "broker": {"reachable": True, "layer": "ok", "error": ""},
    "probe": {"ok": True, "error": ""},
    "nodes": {"w1@web1": {"ping": "pong", "report": "software -> celery:5.7.0 broker amqp://u:planted-report@h//"}},
    "silent": ["w2@web1"],
}
HOSTS = {
    "web1": {
        "facts": {"ansible_facts": {"ansible_kernel": "6.1", "ansible_env": {"X": "planted-env"}}},
        "evidence": EVIDENCE,
        "units": UNITS,
        "app": {"probe": {"ok": False, "error": "the application does not import"}},
    },
    "web2": {"facts": {"unreachable": True, "msg": "Connection refused"}},
    "web3": {},
}


def run(directory, check_mode=False, **arguments):
    loader = DataLoader()
    task = Task()
    task.action = "taskfleet.celery.celery_support_bundle"
    given = {"hosts": HOSTS, "apps": {"shop": {"inspect": INSPECT, "queues": {}}}, "environments": ENVIRONMENTS}
    task.args = {"directory": str(directory), **given, **arguments}
    task.check_mode = check_mode
    play = MagicMock(check_mode=check_mode)
    action = celery_support_bundle.ActionModule(task, MagicMock(), play, loader, Templar(loader=loader), None)
    return action.run(task_vars={})


def content(archive):
    with tarfile.open(archive) as packed:
        members = [(member, packed.extractfile(member).read().decode()) for member in packed]
    assert {member.mode for member, _text in members} == {0o600}
    return {member.name.partition("/")[2]: text for member, text in members}


@pytest.fixture
def bundle(tmp_path):
    return content(run(tmp_path / "reports")["archive"])


def test_bundle_has_its_parts(bundle):
    assert sorted(bundle) == [
        "apps/shop/inspect.json",
        "apps/shop/report/w1@web1.txt",
        "hosts/web1/app.json",
        "hosts/web1/evidence.json",
        "hosts/web1/facts.json",
        "hosts/web1/logs/worker-w1.log",
        "hosts/web1/units/shop-worker@w1.service",
        "hosts/web2/facts.json",
        "summary.json",
        "summary.txt",
    ]
    evidence = json.loads(bundle["hosts/web1/evidence.json"])
    assert evidence["instances"]["w1"]["service"]["state"] == "active"
    assert evidence["instances"]["w1"]["log"] == {"source": "journal"}
    assert "invocation" not in evidence
    assert json.loads(bundle["hosts/web1/facts.json"]) == {"kernel": "6.1"}
    assert bundle["hosts/web1/logs/worker-w1.log"].splitlines()[-1] == "ready"
    assert "ExecStart=/opt/shop/venv/bin/celery" in bundle["hosts/web1/units/shop-worker@w1.service"]


@pytest.mark.parametrize("secret", SECRETS)
def test_bundle_has_no_password(bundle, secret):
    written = (secret, json.dumps(secret)[1:-1])
    assert [path for path, text in bundle.items() if any(word in text for word in written)] == []
    assert secret in json.dumps([HOSTS, INSPECT, UNIT, ENVIRONMENTS]).replace('\\"', '"')


def test_summary(bundle):
    lines = bundle["summary.txt"].splitlines()
    assert lines[0].startswith("Support bundle of 20")
    assert lines[2:] == [
        "application shop: the broker answers",
        "  w1@web1: answers",
        "  w2@web1: silent",
        "host web1: gathered",
        "  worker-w1: active since 2026-01-01T00:00:00Z",
        "  stray process 7: not started by this collection",
        "  not gathered: /nowhere: No such file or directory",
        "  not gathered: app: the application does not import",
        "  not gathered: the file of shop-worker@w2: file not found",
        "host web2: unreachable: Connection refused",
        "host web3: nothing was gathered: the play failed on it",
    ]


@pytest.mark.parametrize(
    ("inspect", "text"),
    [
        ({}, "not asked: no host of its workers could be reached"),
        ({"failed": True, "msg": "no interpreter"}, "not asked: no interpreter"),
        (
            {"failed": False, "failed_when_suppressed_exception": "(traceback unavailable)", "msg": "no interpreter"},
            "not asked: no interpreter",
        ),
        ({"probe": {"ok": False, "error": "x"}}, "not asked: x"),
        (
            {"broker": {"reachable": False, "layer": "tcp", "error": "no connection"}},
            "the broker does not answer (tcp): no connection",
        ),
        ({"broker": {"reachable": True, "error": "OOM"}}, "the broker answers; it says: OOM"),
    ],
)
def test_dead_broker_is_reported(inspect, text):
    assert _bundle.summary({}, {"shop": {"inspect": inspect}}, "now")["apps"]["shop"]["broker"] == text


def test_only_its_owner_can_read_it(tmp_path):
    archive = run(tmp_path / "a" / "reports")["archive"]
    assert stat.S_IMODE(os.stat(archive).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / "a" / "reports").st_mode) == 0o700
    assert os.listdir(tmp_path / "a" / "reports") == [os.path.basename(archive)]


def test_two_bundles_of_one_second(tmp_path):
    paths = [_bundle.write(str(tmp_path), {"a": "b"}, 1767225600) for _number in range(2)]
    assert [os.path.basename(path) for path in paths] == [
        "celery-diagnose-20260101T000000Z.tar.gz",
        "celery-diagnose-20260101T000000Z-2.tar.gz",
    ]


def test_check_mode_writes_nothing(tmp_path):
    result = run(tmp_path / "reports", check_mode=True)
    assert (result["archive"], result["changed"]) == (None, True)
    assert "hosts/web1/evidence.json" in result["files"]
    assert not (tmp_path / "reports").exists()


def test_directory_that_cannot_be_written_to(tmp_path):
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(Exception, match="cannot be written to"):
        run(tmp_path / "reports")


def test_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_bundle.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        _bundle.write(str(tmp_path), {"a": "b"})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "step"), [("../../etc", "_.._etc"), ("w1@h", "w1@h"), ("a/b c", "a_b_c"), ("..", "_")]
)
def test_names_are_one_step_of_a_path(name, step):
    assert _bundle.safe(name) == step
