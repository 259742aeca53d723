# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._observe import log_tail


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "worker.log"
    path.write_bytes(b"one\ntwo\nthree \xff\n")
    return path


def test_last_lines(log):
    found, status = log_tail.of_file(log, 2, 1000)
    assert found == ["two", "three \N{REPLACEMENT CHARACTER}"]
    assert status.st_size == log.stat().st_size


def test_few_bytes(log):
    assert log_tail.of_file(log, 10, 10)[0] == ["three \N{REPLACEMENT CHARACTER}"]


def test_line_that_is_cut_is_left_out_for_it_may_end_in_half_a_secret(log):
    log.write_text("redis://:hunter2222@h/0 " + "x" * 50)
    assert log_tail.of_file(log, 10, 60)[0] == []
    assert log_tail.of_bytes(b"secret=hunter2222\nlast\n", 10, 10) == ["last"]


def test_nothing():
    assert log_tail.of_bytes(b"", 10, 10) == []
    assert log_tail.of_bytes(b"one\n", 0, 10) == []


def test_passwords():
    lines = ["redis://:hunter2222@h/0", "logged in with hunter3333", "password='x y'"]
    assert log_tail.masked(lines, ["hunter3333"]) == ["redis://:***@h/0", "logged in with ***", "password='***'"]
