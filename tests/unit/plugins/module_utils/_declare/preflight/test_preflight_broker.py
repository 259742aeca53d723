# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.broker import FACTS, check_broker

PASSWORD = "8a71f0c2b5d94e6f8a71f0c2"


def judge(**facts):
    defaults = {name: fact.get("default") for name, fact in FACTS.items()}
    return check_broker({**defaults, "kind": "redis", "password": PASSWORD, **facts})


def only(problems, level="refuse"):
    (problem,) = problems
    assert problem.level == level
    return problem


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
@pytest.mark.parametrize("bind", [["127.0.0.1"], "127.0.0.1 ::1", "0.0.0.0", "*", ["10.0.0.5", "127.0.0.1"]])
def test_password_is_enough(kind, bind):
    assert judge(kind=kind, bind=bind, port=6379) == []


def test_kinds_refused():
    assert only(judge(kind="kafka")).variable == "celery_broker_kind"


@pytest.mark.parametrize("bind", [["127.0.0.1"], "127.0.0.1"])
def test_missing_password_is_refused_even_on_loopback(bind):
    problem = only(judge(password="", bind=bind))
    assert problem.variable == "celery_broker_password"
    assert problem.actual == "empty"


def test_missing_password_on_the_network_names_the_addresses():
    assert "10.0.0.5 and ::" in only(judge(password="", bind="127.0.0.1,10.0.0.5 ::")).actual


def test_placeholders():
    problem = only(judge(password="changeme"))
    assert "placeholder" in problem.actual
    assert "changeme" not in str(problem)


@pytest.mark.parametrize(
    ("character", "name"),
    [
        (" ", "white space"),
        ("\t", "white space"),
        ("\n", "white space"),
        ('"', "quotes"),
        ("'", "quotes"),
        ("`", "quotes"),
        ("\\", "backslashes"),
        ("\x01", "control characters"),
        ("ü", "characters outside ASCII"),
    ],
)
def test_characters_refused_by_their_class(character, name):
    problem = only(judge(password=PASSWORD + character + "tail"))
    assert problem.actual == f"a password with {name}"
    assert PASSWORD not in str(problem)


def test_several_classes_are_named_together():
    assert only(judge(password='a b"c\\d')).actual == "a password with white space, quotes and backslashes"


@pytest.mark.parametrize("password", ["abcDEF0123456789", "a-b_c.d~e!f+g=h,i;j"])
def test_characters(password):
    assert judge(password=password, bind="0.0.0.0") == []


def test_short_password_matters_only_on_the_network():
    short = PASSWORD[:15]
    assert judge(password=short) == []
    problem = only(judge(password=short, bind="0.0.0.0"), "warn")
    assert "15 characters" in problem.actual
    assert short not in str(problem)


@pytest.mark.parametrize("port", [0, 65536, "x"])
def test_ports_refused(port):
    assert judge(port="6379") == judge(port=1) == judge(port=65535) == []
    assert only(judge(port=port)).variable == "celery_broker_port"


def test_eviction():
    problem = only(judge(maxmemory_policy="allkeys-lru"))
    assert problem.variable == "celery_broker_maxmemory_policy"
    assert problem.reference.endswith("/1063")
    assert judge(kind="rabbitmq", maxmemory_policy="allkeys-lru") == []


@pytest.mark.parametrize("bind", ["localhost", ["127.0.0.1", "broker1"], "", [], "-::1"])
def test_addresses_refused(bind):
    assert only(judge(bind=bind)).variable == "celery_broker_bind"


@pytest.mark.parametrize("size", ["512", "2 gb", "-1gb", "0mb", "1tb", "2gbx"])
def test_sizes_refused(size):
    assert judge(maxmemory="") == judge(maxmemory="512mb") == judge(maxmemory="2GB") == []
    assert only(judge(maxmemory=size)).variable == "celery_broker_maxmemory"


def test_without_root_there_is_only_redis_under_the_applications_supervisor():
    assert judge(scope="user", app_scope="user") == judge(scope="system", app_scope="user") == []
    assert only(judge(scope="user", app_scope="user", kind="rabbitmq")).variable == "celery_broker_kind"
    assert only(judge(scope="user", app_scope="system")).variable == "celery_broker_scope"
