# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.policy import policy


def test_policy_has_defaults():
    assert policy() == policy({})
    assert (policy()["stall_after"], policy()["heal_max_fraction"]) == (15, 0.34)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("stall_after", "30", 30),
        ("interval", "2.5", 2.5),
        ("interval", ".5", 0.5),
        ("heal_max_fraction", 1, 1),
        ("fail_on", "stuck, down", ["stuck", "down"]),
        ("fail_on", [], []),
        ("heal_verdicts", ["stuck"], ["stuck"]),
    ],
)
def test_policy_takes_values_by_their_type(name, value, read):
    assert policy({name: value})[name] == read


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("stall_after", "soon", "stall_after: 'soon'; expected a number"),
        ("stall_after", True, "stall_after: True; expected a number"),
        ("fail_on", 5, "fail_on: 5; expected a list"),
        ("stall", 5, "the policy has no stall; it has "),
    ],
)
def test_policy_refuses_what_it_cannot_read(name, value, message):
    with pytest.raises(ValueError, match=message):
        policy({name: value})
