# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._observe.bundle import (
    gathered,
    secret_environments,
    speaker,
)

VARIABLES = {
    "a": {"celery_app_name": "shop", "x_facts": {"ok": True}, "x_inspect": {"nodes": {}}, "x_units": {"skipped": True}},
    "b": {"celery_app_name": "shop", "x_facts": {"unreachable": True}},
    "c": {"x_facts": {"ok": True}, "flower_answer": {"layer": "ok"}},
}
GROUPS = {"celery_workers": ["b"], "celery_beat": ["a"]}


def test_results_are_gathered_by_host_and_by_application():
    bundle = gathered(VARIABLES, "x_", {"flower": "flower_answer"})
    assert bundle["hosts"] == {
        "a": {"facts": {"ok": True}},
        "b": {"facts": {"unreachable": True}},
        "c": {"facts": {"ok": True}, "flower": {"layer": "ok"}},
    }
    assert bundle["apps"] == {"shop": {"inspect": {"nodes": {}}}}


def test_speaker_is_a_host_that_was_reached():
    assert speaker(VARIABLES, "shop", GROUPS, "x_facts") == "a"
    assert speaker(VARIABLES, "blog", GROUPS, "x_facts") == ""
    reached = dict(VARIABLES, b={"celery_app_name": "shop", "x_facts": {"ok": True}})
    assert speaker(reached, "shop", GROUPS, "x_facts") == "b"


def test_secrets_of_every_variable_are_known():
    environments = secret_environments(
        {
            "a": {
                "celery_app_environment": {"DB_PASSWORD": "one"},
                "celery_worker_instances": [{"name": "w1", "environment": {"TOKEN": "two"}}],
                "celery_broker_password": "three",
                "celery_app_broker_url": "redis://:four@h/0",
                "celery_flower_basic_auth": ["ops:five"],
            },
            "b": {"celery_flower_basic_auth": "ops:six,audit:seven"},
        }
    )
    text = str(environments)
    assert all(secret in text for secret in ("one", "two", "three", "four", "five", "ops:six,audit:seven"))
