# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from itertools import pairwise

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.limits import (
    PRESETS,
    STEPS,
    limit_environment,
    resolve,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.timeouts import FACTS, check_timeouts
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.examples import EXAMPLES
from hypothesis import given
from hypothesis import strategies as st

GOOD = {"operation": 120, "soft": 180, "hard": 240, "stop": 300}


def judge(**facts):
    return check_timeouts({**{name: fact.get("default") for name, fact in FACTS.items()}, **facts})


@pytest.mark.parametrize("name", sorted(PRESETS))
@pytest.mark.parametrize("broker_url", ["redis://h", "amqp://h"])
def test_presets_pass_their_own_rules(name, broker_url):
    assert judge(value=name, broker_url=broker_url) == []


def test_presets_are_the_documented_ones():
    assert {name: [preset[step] for step in STEPS] for name, preset in PRESETS.items()} == {
        "default": [120, 180, 240, 300],
        "slow": [240, 300, 360, 420],
        "fast": [90, 120, 150, 210],
    }


def test_resolve_gives_a_copy():
    resolve("default")["soft"] = 1
    assert resolve("default") == GOOD


def test_resolve_takes_text_as_numbers():
    assert resolve({step: str(seconds) for step, seconds in GOOD.items()}) == GOOD


@pytest.mark.parametrize(
    ("value", "actual", "expected"),
    [
        ("quick", "the preset 'quick'", "default, fast and slow"),
        (120, "120, a number", "operation, soft, hard and stop"),
        ({"operation": 1, "soft": 2}, "no hard and stop", "all of"),
        ({**GOOD, "term": 1}, "the unknown term", "only"),
        ({**GOOD, "soft": "3m"}, "soft: '3m'", "whole seconds"),
        ({**GOOD, "soft": 0}, "soft: 0", "1 or more"),
        ({**GOOD, "soft": True}, "soft: True", "whole seconds"),
    ],
)
def test_invalid_limits_are_refused(value, actual, expected):
    (problem,) = judge(value=value, variable="my_timeouts")
    assert problem.level == "refuse"
    assert problem.variable == "my_timeouts"
    assert actual in problem.actual
    assert expected in problem.expected
    assert "my_timeouts" in problem.remedy


@pytest.mark.parametrize(("earlier", "later"), [("operation", "soft"), ("soft", "hard"), ("hard", "stop")])
def test_each_step_must_be_above_the_one_before(earlier, later):
    gap = {**GOOD, later: GOOD[earlier] + 29}
    (first, *_rest) = [problem for problem in judge(value=gap) if problem.variable.endswith(later)]
    assert first.level == "refuse"
    assert f"{earlier} {gap[earlier]} s, {later} {gap[later]} s" in first.actual
    assert f"{gap[earlier] + 30} s or more" in first.remedy


def test_exactly_the_gap_is_enough():
    assert judge(value={"operation": 1, "soft": 31, "hard": 61, "stop": 91}) == []
    assert len(judge(value={"operation": 1, "soft": 30, "hard": 60, "stop": 90})) == 1


def test_tests_may_make_the_gap_smaller_but_not_turn_the_order_round():
    assert judge(value={"operation": 1, "soft": 2, "hard": 3, "stop": 4}, min_gap=1) == []
    assert judge(value={"operation": 1, "soft": 2, "hard": 3, "stop": 3}, min_gap=0)[0].variable.endswith("stop")


@pytest.mark.parametrize("scheme", ["redis", "rediss", "sentinel"])
def test_on_redis_hard_must_be_below_the_visibility_timeout(scheme):
    facts = {"value": GOOD, "broker_url": f"{scheme}://:hunter2@h/0"}
    assert judge(visibility_timeout=241, **facts) == []
    (problem,) = judge(visibility_timeout=240, **facts)
    assert problem.level == "refuse"
    assert "hard 240 s" in problem.actual
    assert "visibility_timeout 240 s" in problem.actual
    assert "hunter2" not in str(problem)


def test_other_brokers_have_no_visibility_timeout():
    assert judge(value=GOOD, broker_url="amqp://h", visibility_timeout=1) == []
    assert judge(value=GOOD, broker_url=None, visibility_timeout=1) == []


@EXAMPLES
@given(st.lists(st.integers(1, 10_000), min_size=4, max_size=4), st.integers(0, 600))
def test_limits_pass_exactly_when_each_is_a_gap_above_the_one_before(seconds, min_gap):
    problems = judge(value=dict(zip(STEPS, seconds, strict=True)), min_gap=min_gap)
    wrong = [later for earlier, later in pairwise(seconds) if later - earlier < max(min_gap, 1)]
    assert len(problems) == len(wrong)
    assert (not problems) == (not wrong)


@EXAMPLES
@given(st.integers(3, 10_000), st.integers(1, 10_000))
def test_visibility_is_refused_exactly_when_hard_is_not_below(hard, visibility):
    value = {"operation": hard - 2, "soft": hard - 1, "hard": hard, "stop": hard + 1}
    problems = judge(value=value, min_gap=1, broker_url="redis://h", visibility_timeout=visibility)
    assert bool(problems) == (hard >= visibility)


@pytest.mark.parametrize(("value", "limits"), [("none", {"stop": 300}), ({"stop": "900"}, {"stop": 900})])
def test_application_that_sets_its_own_limits_has_a_stop_only(value, limits):
    assert resolve(value) == limits
    assert judge(value=value, broker_url="redis://h", visibility_timeout=1) == []


def test_resolved_limits_resolve_to_themselves():
    for value in ("slow", "none", {"stop": 900}):
        assert resolve(resolve(value)) == resolve(value)


def test_limits_reach_the_environment_where_there_are_any():
    assert limit_environment(resolve("none")) == {}
    assert limit_environment(resolve("default")) == {
        "ANSIBLE_PLAYBOOK_TIMEOUT": "120",
        "CELERY_OPERATION_TIMEOUT": "120",
        "CELERY_TASK_SOFT_TIME_LIMIT": "180",
        "CELERY_TASK_HARD_TIME_LIMIT": "240",
    }
