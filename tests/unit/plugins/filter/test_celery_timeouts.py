# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.taskfleet.celery.plugins.filter import celery_timeouts
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.limits import PRESETS, STEPS


def resolve(value):
    return celery_timeouts.FilterModule().filters()["celery_timeouts"](value)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_preset(name):
    assert resolve(name) == PRESETS[name]


def test_four_numbers():
    assert resolve({"operation": "1", "soft": 2, "hard": 3, "stop": 4}) == {
        "operation": 1,
        "soft": 2,
        "hard": 3,
        "stop": 4,
    }


def test_error_says_what_is_expected():
    with pytest.raises(AnsibleFilterError, match="expected one of default, fast and slow"):
        resolve("quick")


def test_documentation_has_the_presets():
    with open(celery_timeouts.__file__.replace(".py", ".yml"), encoding="utf-8") as stream:
        text = str(yaml.safe_load(stream)["DOCUMENTATION"]["options"]["_input"]["description"])
    for name, limits in PRESETS.items():
        first, second, third, last = (limits[step] for step in STEPS)
        assert f"V({name}) is {first}, {second}, {third} and {last} seconds." in text
