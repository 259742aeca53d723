# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight import registry
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import Problem, refuse, warn

URL = "redis://:hunter2@broker:6379/0"


@pytest.mark.parametrize("name", registry.TOPICS)
def test_each_topic_has_facts_and_a_check(name):
    topic = registry.load(name)
    assert topic.facts
    assert all(fact["type"] for fact in topic.facts.values())
    assert callable(topic.check)


def test_unknown_topic_is_an_error():
    with pytest.raises(ModuleNotFoundError, match=r"preflight\.nosuch"):
        registry.load("nosuch")


def test_message_holds_every_problem_with_all_its_parts():
    text = registry.message([refuse("a", "1", "2", "fix a"), refuse("b", "3", "4", "fix b", "https://example.org/1")])
    assert text.splitlines()[0] == "Preflight found 2 problems. This step changed nothing."
    for part in ("1. a", "actual:   1", "expected: 2", "remedy:   fix a", "2. b", "see:      https://example.org/1"):
        assert part in text


def test_one_problem_is_not_two():
    assert registry.message([refuse("a", "1", "2", "fix")]).startswith("Preflight found 1 problem.")


@pytest.mark.parametrize("render", [str, Problem.as_dict, Problem.as_sentence])
def test_no_way_to_show_a_problem_shows_the_password_of_a_url(render):
    shown = str(render(refuse("a", URL, URL, URL, URL)))
    assert "hunter2" not in shown
    assert "redis://:***@broker:6379/0" in shown


def test_sentence_names_the_reference_only_if_there_is_one():
    assert "See" not in warn("a", "1", "2", "fix").as_sentence()
    assert warn("a", "1", "2", "fix", "https://example.org/1").as_sentence().endswith("See https://example.org/1.")


def test_levels_are_distinguished():
    problems = [refuse("a", "1", "2", "fix"), warn("b", "1", "2", "fix")]
    assert [problem.variable for problem in registry.refusals(problems)] == ["a"]
    assert [problem.variable for problem in registry.warnings(problems)] == ["b"]


@pytest.mark.parametrize(
    ("values", "text"), [([], "nothing"), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_listing(values, text):
    assert registry.listing(values) == text


@pytest.mark.parametrize(
    ("url", "scheme"), [("Redis://h", "redis"), ("amqp://u:p@h", "amqp"), ("host:6379", ""), ("", ""), (None, "")]
)
def test_scheme(url, scheme):
    assert registry.scheme(url) == scheme


def test_brokers_of_the_redis_transport():
    assert all(registry.is_redis(f"{scheme}://h") for scheme in ("redis", "rediss", "sentinel"))
    assert not registry.is_redis("amqp://h")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.0.1", "::1", "[::1]", "-::1", "localhost", "LOCALHOST.localdomain", "unix:/run/x", "/run/x"],
)
def test_loopback(address):
    assert registry.is_loopback(address)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1", "", "*", "host.example.org"])
def test_not_loopback(address):
    assert not registry.is_loopback(address)


@pytest.mark.parametrize("password", ["changeme", "CHANGEME", "secret", "<password>", "{{ vault }}"])
def test_placeholder(password):
    assert registry.is_placeholder(password)


def test_password_is_no_placeholder():
    assert not registry.is_placeholder("changeme-not-8a71")


def environment(value):
    return registry.environment_problems("app_environment", value, {"CELERY_BROKER_URL": "app_broker_url"})


@pytest.mark.parametrize("value", [{}, None, {"LANG": "C.UTF-8", "_A1": 3, "DEBUG": True, "EMPTY": ""}])
def test_environment_that_is_fine(value):
    assert environment(value) == []


@pytest.mark.parametrize(
    ("value", "variable", "says"),
    [
        (["A=1"], "app_environment", "a list"),
        ({"1A": "x"}, "app_environment.1A", "the name '1A'"),
        ({"A-B": "x"}, "app_environment.A-B", "the name 'A-B'"),
        ({"A": "x\ny"}, "app_environment.A", "line break"),
        ({"A": "x\r"}, "app_environment.A", "line break"),
        ({"A": ["x"]}, "app_environment.A", "a list"),
        ({"A": None}, "app_environment.A", "nothing"),
        ({"CELERY_BROKER_URL": URL}, "app_environment.CELERY_BROKER_URL", "set here"),
    ],
)
def test_environment_that_is_refused(value, variable, says):
    (problem,) = environment(value)
    assert problem.level == "refuse"
    assert problem.variable == variable
    assert says in problem.actual
    assert "hunter2" not in str(problem)


def test_reserved_name_is_sent_to_its_variable():
    (problem,) = environment({"CELERY_BROKER_URL": "x"})
    assert "app_broker_url" in problem.remedy


def test_what_was_refused_comes_once_for_all_hosts():
    by_host = {"w1": {"celery_app": "no broker\n"}, "w2": {"celery_app": "no broker", "celery_beat": "two"}, "b1": {}}
    assert registry.refused(by_host) == "celery_app on w1 and w2: no broker\ncelery_beat on w2: two"


def test_nothing_refused():
    assert registry.refused({"w1": {}, "w2": {}}) == ""


@pytest.mark.parametrize(
    ("count", "text"), [(1, "h0"), (5, "h0, h1, h2, h3 and h4"), (7, "h0, h1, h2, h3, h4 and 2 more")]
)
def test_of_many_hosts_some_are_named(count, text):
    assert registry.some_of([f"h{number}" for number in range(count)]) == text


def test_suggestion_leads_the_message():
    problem = refuse("a.b", "1", "2", "fix", suggestion="c")
    assert str(problem).splitlines()[0] == "a.b: did you mean c?"
    assert problem.as_sentence().startswith("a.b: did you mean c? 1. Expected")


def test_reserved_name_without_a_variable_is_only_taken_out():
    (problem,) = registry.environment_problems("app_environment", {"OURS": "x"}, {"OURS": ""})
    assert problem.remedy == "take OURS out of app_environment"
