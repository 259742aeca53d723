# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.flower import FACTS, check_flower

GOOD = {"basic_auth": ["admin:8a71f0c2"]}


def judge(**facts):
    return check_flower({**{name: fact.get("default") for name, fact in FACTS.items()}, **GOOD, **facts})


def only(problems, level="refuse"):
    (problem,) = problems
    assert problem.level == level
    return problem


def test_password_is_enough():
    assert judge() == []
    assert judge(address="0.0.0.0") == []


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_missing_password_is_refused(address):
    problem = only(judge(basic_auth=[], address=address))
    assert problem.variable == "celery_flower_basic_auth"
    assert "celery_flower_allow_unauthenticated" in problem.remedy


def test_missing_password_can_be_allowed_on_loopback():
    assert judge(basic_auth=[], allow_unauthenticated=True) == []


def test_missing_password_on_the_network_is_warned_about():
    problem = only(judge(basic_auth=[], allow_unauthenticated=True, address="0.0.0.0"), "warn")
    assert problem.variable == "celery_flower_address"


@pytest.mark.parametrize("text", ["admin:8a71f0c2", "admin:8a71f0c2,ops:77ab", ["admin:8a71f0c2", "ops:77ab"]])
def test_users_as_flower_itself_takes_them(text):
    assert judge(basic_auth=text) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("admin:8a71f0c2,hunter2", "[1]"),
        ("hunter2", "[0]"),
        ("admin:8a71f0c2, ops:hunter2", "[1]"),
        ({"a": "hunter2"}, ""),
    ],
)
def test_users_as_a_text_that_is_refused(text, where):
    problem = only(judge(basic_auth=text))
    assert problem.variable == f"celery_flower_basic_auth{where}"
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize("entry", ["hunter2", ":hunter2", "admin:", "", 7, {"admin": "hunter2"}])
def test_entries_that_are_no_user_and_password(entry):
    problem = only(judge(basic_auth=["admin:8a71f0c2", entry]))
    assert problem.variable == "celery_flower_basic_auth[1]"
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize("password", ["hunter2,x", "hunter2 x", "hunter2\n"])
def test_entries_that_flower_would_split(password):
    problem = only(judge(basic_auth=[f"admin:{password}"]))
    assert "'admin'" in problem.actual
    assert "hunter2" not in str(problem)


def test_placeholders():
    problem = only(judge(basic_auth=["admin:changeme"]))
    assert "placeholder" in problem.actual
    assert "changeme" not in str(problem)


def test_password_may_have_a_colon():
    assert judge(basic_auth=["admin:8a71:f0c2"]) == []


def test_dict_is_no_list_of_users():
    problem = only(judge(basic_auth={"admin": "hunter2"}))
    assert problem.actual == "a dict"


@pytest.mark.parametrize("port", [1, "5555", 65535])
def test_ports(port):
    assert judge(port=port) == []


@pytest.mark.parametrize("port", [0, 65536, "http", None])
def test_ports_refused(port):
    assert only(judge(port=port)).variable == "celery_flower_port"


@pytest.mark.parametrize("max_tasks", [0, -1, "many"])
def test_max_tasks_refused(max_tasks):
    assert judge(max_tasks="1") == []
    assert only(judge(max_tasks=max_tasks)).variable == "celery_flower_max_tasks"


@pytest.mark.parametrize("prefix", ["", "flower", "/flower", "/a/b-1/", "a/b"])
def test_prefixes(prefix):
    assert judge(url_prefix=prefix) == []


@pytest.mark.parametrize("prefix", ["a b", "//", "http://h/flower", "a?b", "a//b"])
def test_prefixes_refused(prefix):
    assert only(judge(url_prefix=prefix)).variable == "celery_flower_url_prefix"


def test_database_needs_a_place():
    assert judge(persistent=True, db="/var/lib/shop/flower.db") == []
    assert judge(persistent=False, db="flower") == []
    assert only(judge(persistent=True, db="flower")).variable == "celery_flower_db"


def test_broker_api():
    assert judge(broker_api="http://u:p@h:15672/api/", broker_url="amqp://h") == []


def test_broker_api_of_another_scheme():
    problem = only(judge(broker_api="amqp://u:hunter2@h", broker_url="amqp://h"))
    assert problem.variable == "celery_flower_broker_api"
    assert "hunter2" not in str(problem)


def test_broker_api_of_redis():
    assert (
        only(judge(broker_api="http://h/api/", broker_url="redis://h"), "warn").variable == "celery_flower_broker_api"
    )


def test_password_of_the_management_api_that_is_not_encoded():
    problem = only(judge(broker_url="amqp://h", broker_api="http://shop:hun#ter2@h:15672/api/"))
    assert problem.variable == "celery_flower_broker_api"
    assert not any(part in str(problem) for part in ("hun", "ter2"))


@pytest.mark.parametrize(("name", "value"), [("A", "b\nc"), ("CELERY_BROKER_URL", "x"), ("BROKER_URL", "x")])
def test_environment_that_is_refused(name, value):
    assert only(judge(environment={name: value})).variable == f"celery_flower_environment.{name}"


def test_environment_of_its_own():
    assert judge(environment={"FLOWER_UNAUTHENTICATED_API": "true"}) == []
