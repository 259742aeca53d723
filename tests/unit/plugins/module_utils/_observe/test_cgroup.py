# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._observe import cgroup as _cgroup
from ansible_collections.taskfleet.celery.plugins.module_utils._observe.sockets import Unknown

V2 = {
    "memory.current": "104857600\n",
    "memory.max": "536870912\n",
    "memory.high": "max\n",
    "memory.events": "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 0\n",
}
V1 = {
    "memory.usage_in_bytes": "104857600\n",
    "memory.limit_in_bytes": "536870912\n",
    "memory.soft_limit_in_bytes": "9223372036854771712\n",
    "memory.failcnt": "2\n",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
}
EVENTS = {2: {"high": 1, "max": 2, "oom": 3, "oom_kill": 4}, 1: {"high": None, "max": 2, "oom": None, "oom_kill": 4}}


@pytest.fixture
def group(tmp_path):
    """Return a function that makes process 5 a member of a group with these files."""

    def make(cgroup, directory, files):
        (tmp_path / "proc" / "5").mkdir(parents=True)
        (tmp_path / "proc" / "5" / "cgroup").write_text(cgroup)
        (tmp_path / "sys" / directory).mkdir(parents=True)
        for name, text in files.items():
            (tmp_path / "sys" / directory / name).write_text(text)

    return make


def memory(tmp_path, pid=5, path=None):
    return _cgroup.memory(pid, path, str(tmp_path / "proc"), str(tmp_path / "sys"))


@pytest.mark.parametrize(
    ("version", "cgroup", "directory", "files"),
    [
        (2, "0::/shop.slice/w1\n", "shop.slice/w1", V2),
        (2, "1:name=systemd:/x\n0::/shop.slice/w1\n", "unified/shop.slice/w1", V2),
        (1, "4:memory:/shop.slice/w1\n1:cpu,cpuacct:/\n0::/\n", "memory/shop.slice/w1", V1),
    ],
)
def test_group(tmp_path, group, version, cgroup, directory, files):
    group(cgroup, directory, files)
    expected = {
        "version": version,
        "path": "/shop.slice/w1",
        "current_bytes": 104857600,
        "limit_bytes": 536870912,
        "high_bytes": None,
        "events": EVENTS[version],
    }
    assert memory(tmp_path) == expected
    assert memory(tmp_path, None, "/shop.slice/w1") == expected


def test_group_that_does_not_account_for_memory(tmp_path, group):
    group("0::/\n", "x", {})
    with pytest.raises(Unknown, match="control group / cannot be read"):
        memory(tmp_path)


def test_group_without_a_process(tmp_path):
    with pytest.raises(Unknown, match="no process runs"):
        memory(tmp_path, None)
