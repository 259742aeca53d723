# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.packing import pack
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.conclusion import NOBODY
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.examine import (
    METHODS,
    examine,
    host_samples,
    reached,
)
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.examples import EXAMPLES
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_800_000_000.0
BROKER = {"url": "redis://b:6379/0", "transport": "redis", "reachable": True, "layer": "ok", "error": ""}
DOWN = dict(BROKER, reachable=False, layer="tcp", error="refused")
STATS = {"pid": 10, "pool": {"implementation": "celery.concurrency.prefork:TaskPool", "processes": [11]}, "total": {}}

KEYS = (
    "pid",
    "pool",
    "total",
    "name",
    "alias",
    "time_start",
    "eta",
    "request",
    "id",
    "error",
    "processes",
    "prefetch_count",
)


def node(name):
    instance, _at, host = name.partition("@")
    return {"node": name, "host": host, "instance": instance, "queues": ["q"], "state": "started", "pool": "prefork"}


def reply(name, methods, queues=({"name": "q"},)):
    answers = {"stats": STATS, "active_queues": list(queues), "registered": ["shop.add [rate_limit=1/h]"]}
    return [[method, name, answers.get(method, {} if method == "conf" else [])] for method in methods]


def sample(at, *names, broker=None, asked=True, methods=METHODS):
    replies = [one for name in names for one in reply(name, methods)]
    return {
        "at": at,
        "broker": broker or BROKER,
        "pids": [],
        "asked": asked,
        "methods": list(methods),
        **pack(replies),
    }


def samples(*names):
    return {"broker": BROKER, "control": [sample(NOW, *names), sample(NOW + 5, *names, methods=METHODS[:5])]}


def judged(reply, expected=("w1@a",), hosts=None, problem="", elsewhere=(), speaker="a", alone=False):
    fleet = {"app": "shop", "nodes": [node(name) for name in expected], "beat": None, "flower": None}
    return examine(fleet, reply, problem, host_samples(hosts), speaker, elsewhere, {}, NOW + 9, alone)


def reasons(examined):
    return {node["node"]: node["reason"] for node in examined["report"]["nodes"]}


def test_what_was_not_asked_again_is_not_missing():
    examined = judged(samples("w1@a"))
    assert [one["missing"] for one in examined["evidence"]["nodes"]["w1@a"]["control"]] == [{}, {}]
    assert examined["evidence"]["nodes"]["w1@a"]["control"][0]["rate_limits"] == {"shop.add": "1/h"}
    assert examined["lines"][-2].startswith("shop: ")


def test_a_node_that_was_asked_and_did_not_answer_is_silent():
    examined = judged(samples("w1@a"), expected=("w1@a", "w2@a"))
    assert [one["answered"] for one in examined["evidence"]["nodes"]["w2@a"]["control"]] == [False, False]


@pytest.mark.parametrize("lost", [sample(NOW + 5, broker=DOWN), sample(NOW + 5, asked=False, methods=())])
def test_a_node_is_not_silent_when_the_broker_went_away_or_it_was_not_asked(lost):
    reply = samples("w1@a")
    reply["control"][1] = lost
    assert [one["answered"] for one in judged(reply)["evidence"]["nodes"]["w1@a"]["control"]] == [True, None]


def test_a_helper_that_could_not_start_is_a_failed_probe():
    assert reasons(judged({}, problem="no interpreter")) == {"w1@a": "probe_failed"}


def test_a_host_that_cannot_be_reached():
    hosts = {"a": {"unreachable": True, "msg": "no route to host\n"}}
    assert reasons(judged({}, hosts=hosts, problem="no interpreter")) == {"w1@a": "host_unreachable"}


def test_a_host_that_answers_and_cannot_be_looked_at():
    hosts = {"a": {"failed": True, "msg": "No module named 'json'"}}
    assert reasons(judged({}, hosts=hosts)) == {"w1@a": "probe_failed"}


@pytest.mark.parametrize(("transport", "ready"), [("redis", 0), ("amqp", None)])
def test_queue_that_redis_does_not_hold_is_empty(transport, ready):
    queue = {"exists": False, "ready": None, "error": ""}
    reply = dict(
        samples("w1@a"), queues=[{"at": NOW, "broker": dict(BROKER, transport=transport), "queues": {"q": queue}}]
    )
    for sample in reply["control"]:
        sample["broker"] = dict(BROKER, transport=transport)
    assert judged(reply)["evidence"]["queues"]["q"][0]["ready"] is ready


def test_broken_interpreter_is_named_for_all_that_its_host_runs():
    broken = {
        "failed": True,
        "msg": "MODULE FAILURE",
        "module_stderr": "Traceback\nImportError: no module named json\n",
    }
    fleet = {"app": "shop", "nodes": [node("w1@a")], "beat": {"host": "a"}, "flower": {"host": "a"}}
    report = examine(fleet, {}, "", host_samples({"a": broken}), "a", (), {}, NOW)["report"]
    for verdict in (report["nodes"][0], report["beat"], report["flower"]):
        assert (verdict["verdict"], verdict["reason"]) == ("unknown", "probe_failed")
        assert "the look failed: ImportError: no module named json: MODULE FAILURE" in verdict["cause"]


def test_nodes_of_hosts_that_are_left_out_are_neither_missing_nor_unexpected():
    reply = samples("w1@a", "w9@z")
    assert reasons(judged(reply))["w9@z"] == "unexpected_node"
    assert set(reasons(judged(reply, elsewhere=["w9@z"]))) == {"w1@a"}


@pytest.mark.parametrize(
    "queues",
    [[{"name": "bcast.3f1c", "alias": "q"}], [{"name": "q"}, {"name": "w1@a.dq2"}]],
    ids=["broadcast", "direct"],
)
def test_what_celery_makes_of_a_queue_or_adds_to_them_is_not_wrong(queues):
    control = [dict(sample(at), **pack(reply("w1@a", METHODS, queues))) for at in (NOW, NOW + 5)]
    examined = judged({"broker": BROKER, "control": control})
    assert [one["queues"] for one in examined["evidence"]["nodes"]["w1@a"]["control"]] == [["q"], ["q"]]
    assert reasons(examined)["w1@a"] != "wrong_queues"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def with_guest(answers):
    """Both samples of a good worker, in which somebody else answers anything at all."""
    control = []
    for at in (NOW, NOW + 5):
        replies = reply("w1@a", METHODS) + [[method, "w9@z", answers[method]] for method in METHODS]
        control.append(dict(sample(at), **pack(replies)))
    return {"broker": BROKER, "control": control}


@EXAMPLES
@given(st.fixed_dictionaries(dict.fromkeys(METHODS, JSON)))
def test_malformed_replies_spoil_nobody_elses_verdict(answers):
    examined = judged(with_guest(answers), expected=("w1@a", "w9@z"))
    verdicts = {node["node"]: node for node in examined["report"]["nodes"]}
    alone = judged(samples("w1@a"))["report"]["nodes"][0]
    assert {key: verdicts["w1@a"][key] for key in ("verdict", "reason")} == {
        key: alone[key] for key in ("verdict", "reason")
    }
    assert verdicts["w9@z"]["verdict"] not in ("stuck", "down")


def test_sender_of_a_malformed_reply_is_told_which_it_was():
    examined = judged(with_guest({method: [1] for method in METHODS}), expected=("w1@a", "w9@z"))
    missing = examined["evidence"]["nodes"]["w9@z"]["control"][-1]["missing"]
    assert missing["stats"] == "what it answers to stats is no reply of a worker"


def test_all_times_are_those_of_the_controller():
    look = {"clock": {"began_at": NOW + 90, "ended_at": NOW + 100, "offset": 100, "uncertainty": 0.1}}
    reply = samples("w1@a")
    for one in reply["control"]:
        one["at"] += 100
    evidence = judged(reply, hosts={"a": [look, look]})["evidence"]
    assert [one["at"] for one in evidence["nodes"]["w1@a"]["control"]] == [NOW, NOW + 5]
    assert [one["at"] for one in evidence["hosts"]["a"]["samples"]] == [NOW, NOW]


def test_silence_means_nothing_where_only_the_url_of_the_broker_was_known():
    """The application may have another control exchange, or a prefix for its keys."""
    queues = [{"at": NOW, "queues": {"celery": {"ready": 0, "unacked": 0}}, "broker": BROKER}]
    silent = dict(samples(), queues=queues)
    evidence = judged(silent, alone=True)["evidence"]
    assert [one["answered"] for one in evidence["nodes"]["w1@a"]["control"]] == [None, None]
    assert evidence["queues"] == {}
    assert judged(silent)["evidence"]["queues"]["celery"]
    answered = judged(dict(samples("w1@a"), queues=queues), expected=("w1@a", "w2@a"), alone=True)["evidence"]
    assert [one["answered"] for one in answered["nodes"]["w2@a"]["control"]] == [False, False]


def test_several_samples_of_one_result_are_as_many_looks():
    look = {"clock": {"began_at": NOW, "ended_at": NOW, "offset": 0, "uncertainty": 0}}
    evidence = judged(samples("w1@a"), hosts={"a": {"samples": [look, look]}})["evidence"]
    assert len(evidence["hosts"]["a"]["samples"]) == 2
    looks = {"a": {"samples": [look]}, "b": {"unreachable": True}, "c": [], "d": look, "e": {"failed": True}}
    assert reached(looks) == ["a", "d"]
    assert reached(looks, first=["b", "d"]) == ["d", "a"]


def test_report_fails_when_nobody_could_be_looked_at():
    lost = {"unreachable": True, "msg": "no route to host"}
    examined = judged({}, hosts={"a": lost}, problem="there is no host to ask from")
    assert examined["report"]["failed"] == [NOBODY]
    assert examined["failure"].startswith("To do: make the hosts reachable")
