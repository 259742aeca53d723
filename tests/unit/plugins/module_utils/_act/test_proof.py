# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._act.proof import proofs

W1 = {"node": "w1@web1", "host": "web1", "instance": "w1"}
WELL = {"url": "redis://broker:6379/0", "reachable": True, "layer": "ok", "error": ""}
PASSES = {"app": {"imported": True, "error": ""}, "fit": {"ok": True}, "broker": WELL, "result_backend": WELL}


def proof(**more):
    return proofs([W1], {"web1": {"results": [dict(PASSES, item=W1, **more)]}})["w1@web1"]


def test_proof_passes_where_all_that_a_deployment_asks_for_is_there():
    assert proof() == ""
    assert proof(result_backend={"reachable": None, "layer": "none"}) == ""
    # What a deployment warns of keeps nobody from a start.
    assert proof(broker=dict(WELL, url="amqp://broker//"), conf={"broker_heartbeat": 0}) == ""


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"app": {"imported": False, "error": "No module named 'shop'"}}, "celery_app_module: None: No module named"),
        (
            {"result_backend": {"url": "db", "reachable": False, "layer": "tcp", "error": "Connection refused"}},
            "celery_app_result_backend: result backend db: no TCP connection (layer tcp): Connection refused",
        ),
        ({"fit": {"ok": False, "problem": "kombu needs another redis"}}, "kombu needs another redis"),
    ],
)
def test_what_still_fails_is_named(found, words):
    assert words in proof(**found)


def test_proof_that_could_not_be_run_does_not_pass():
    refused = {"item": W1, "failed": True, "msg": "the interpreter is missing"}
    assert proofs([W1], {"web1": {"results": [refused]}})["w1@web1"].endswith("the interpreter is missing")
    assert "did not answer" in proofs([W1], {"web1": {"unreachable": True}})["w1@web1"]
    assert "did not answer" in proofs([W1], {})["w1@web1"]
