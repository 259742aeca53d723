# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.app import FACTS, check_app

GOOD = {
    "name": "shop",
    "module": "shop.celery",
    "source": {"type": "none"},
    "broker_url": "redis://:hunter2@h:6379/0",
}


def judge(there=(), **facts):
    defaults = {name: fact.get("default") for name, fact in FACTS.items()}
    return check_app({**defaults, **GOOD, **facts}, is_directory=there.__contains__, is_file=there.__contains__)


def only(problems):
    (problem,) = problems
    assert problem.level == "refuse"
    return problem


def test_required_is_enough():
    assert judge() == []


@pytest.mark.parametrize("name", ["shop", "a", "shop-2", "shop_eu"])
def test_names(name):
    assert judge(name=name) == []


@pytest.mark.parametrize("name", ["", "Shop", "2shop", "-shop", "sh op", "shop.eu", "shop/eu", "shop\n"])
def test_names_refused(name):
    assert only(judge(name=name)).variable == "celery_app_name"


@pytest.mark.parametrize("module", ["shop", "shop.celery", "shop.celery:app", "_a.b1"])
def test_modules(module):
    assert judge(module=module) == []


@pytest.mark.parametrize("module", ["", "shop/celery.py", "shop-celery", "shop:", "-A shop", "shop.celery:app()"])
def test_modules_refused(module):
    assert only(judge(module=module)).variable == "celery_app_module"


def test_user_scope_with_its_home_under_supervisor():
    assert judge(scope="user", home="/home/me/shop", service_manager="supervisor") == []


def test_user_scope_without_home():
    assert only(judge(scope="user", home="", service_manager="supervisor")).variable == "celery_app_home"


def test_user_scope_under_systemd():
    problem = only(judge(scope="user", home="/home/me/shop", service_manager="systemd"))
    assert problem.variable == "celery_app_service_manager"


@pytest.mark.parametrize("key", ["scope", "service_manager"])
def test_choices(key):
    assert only(judge(**{key: "other"})).variable == f"celery_app_{key}"


@pytest.mark.parametrize(
    "source",
    [
        {"type": "path", "path": "/srv/shop"},
        {"type": "git", "repo": "https://example.org/shop.git"},
        {"type": "archive", "src": "https://example.org/shop.tar.gz"},
        {"type": "archive", "src": "/srv/shop"},
        {"type": "pip", "requirement": "shop==1.0"},
    ],
)
def test_sources(source):
    assert judge(there=("/srv/shop",), source=source) == []


@pytest.mark.parametrize("source", ["git", None, {}, {"type": "svn"}, {"path": "/srv/shop"}])
def test_source_without_a_known_type(source):
    problem = only(judge(source=source))
    assert problem.variable == "celery_app_source"
    assert "none, path, git, archive and pip" in problem.expected


@pytest.mark.parametrize(
    ("kind", "key"), [("path", "path"), ("git", "repo"), ("archive", "src"), ("pip", "requirement")]
)
def test_source_that_lacks_its_key(kind, key):
    assert only(judge(source={"type": kind})).variable == f"celery_app_source.{key}"


@pytest.mark.parametrize(
    "source", [{"type": "path", "path": "/srv/none"}, {"type": "archive", "src": "/srv/none.tar.gz"}]
)
def test_source_that_is_not_there(source):
    problem = only(judge(source=source))
    assert "/srv/none" in problem.actual
    assert "controller" in problem.expected


def test_relative_path_is_refused():
    problem = only(judge(there=("../shop",), source={"type": "path", "path": "../shop"}))
    assert "inventory_dir" in problem.remedy


def test_home_directory_is_understood(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert judge(there=("/home/me/shop",), source={"type": "path", "path": "~/shop"}) == []


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps", "pyamqp"])
def test_brokers(scheme):
    assert judge(broker_url=f"{scheme}://h") == []


@pytest.mark.parametrize(
    ("url", "actual"),
    [
        ("", "not set"),
        ("h:6379", "no scheme"),
        ("http://u:hunter2@h", "'http'"),
        ("memory://", "'memory'"),
        ("redis://", "'redis'"),
    ],
)
def test_brokers_refused(url, actual):
    problem = only(judge(broker_url=url))
    assert problem.variable == "celery_app_broker_url"
    assert actual in problem.actual
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize("key", ["broker_url", "result_backend"])
def test_url_in_two_pieces(key):
    problem = only(judge(**{key: "redis://:hun ter2@h/0"}))
    assert problem.variable == f"celery_app_{key}"
    assert "ter2" not in str(problem)


@pytest.mark.parametrize("key", ["broker_url", "result_backend"])
@pytest.mark.parametrize(
    "url",
    [
        "redis://:hun/ter2@h:6379/0",
        "amqp://shop:hun#ter2@h:5672/shop",
        "sentinel://:hun?ter2@h1:26379;sentinel://:hun?ter2@h2:26379",
        "sentinel://:hunter2@h1:26379;sentinel://:hun/ter2@h2:26379",
    ],
)
def test_password_that_is_not_encoded(key, url):
    problem = only(judge(**{key: url}))
    assert problem.variable == f"celery_app_{key}"
    assert "urlencode | replace('/', '%2F')" in problem.remedy
    assert not any(part in str(problem) for part in ("hun", "ter2"))


@pytest.mark.parametrize("key", ["broker_url", "result_backend"])
@pytest.mark.parametrize(
    "url", ["redis://:hun%2Fter2@h:6379/0", "sentinel://:hun%23@h1:26379;sentinel://:hun%23@h2:26379"]
)
def test_password_that_is_encoded(key, url):
    assert judge(**{key: url}) == []


def test_semicolon_in_the_password_of_one_result_backend():
    assert judge(result_backend="redis://:hun;ter2@h:6379/0") == []
    assert only(judge(broker_url="redis://:hun;ter2@h:6379/0")).variable == "celery_app_broker_url"


@pytest.mark.parametrize("key", ["CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "PYTHONPATH", "TASKFLEET_SERVICE"])
def test_environment_may_not_carry_what_has_a_variable(key):
    assert only(judge(environment={key: "x"})).variable == f"celery_app_environment.{key}"


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("BROKER_URL", "celery_app_broker_url"),
        ("CELERY_BROKER", "celery_app_broker_url"),
        ("CELERY_BROKER_READ_URL", "celery_app_broker_url"),
        ("RESULT_BACKEND", "celery_app_result_backend"),
        ("APP", "celery_app_module"),
        ("CELERY_APP", "celery_app_module"),
        ("LOADER", "CELERY_LOADER in celery_app_environment"),
        ("CONFIG_MODULE", "CELERY_CONFIG_MODULE in celery_app_environment"),
        ("CELERY_WORKER_CONCURRENCY", "concurrency of the instance"),
        ("CELERY_WORKER_TIME_LIMIT", "celery_app_timeouts"),
        ("CELERY_BEAT_SCHEDULE", "celery_beat_schedule_file"),
    ],
)
def test_environment_that_the_celery_command_would_take(name, instead):
    problem = only(judge(environment={name: "redis://:hunter2@elsewhere/0"}))
    assert problem.variable == f"celery_app_environment.{name}"
    assert problem.remedy == f"take {name} out of celery_app_environment, and set {instead}"
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    "environment",
    [
        {"APP": "shop.celery", "CELERY_APP": "shop.celery"},
        {"BROKER_URL": GOOD["broker_url"], "CELERY_BROKER_READ_URL": GOOD["broker_url"]},
        {"RESULT_BACKEND": "rpc://"},
        {"CONFIG_MODULE": "shop.settings", "CELERY_CONFIG_MODULE": "shop.settings"},
        {"LOADER": "shop.loader:Loader", "CELERY_LOADER": "shop.loader:Loader"},
    ],
)
def test_environment_that_says_what_is_declared(environment):
    assert judge(environment=environment, result_backend="rpc://") == []


def test_result_backend_in_the_environment_alone():
    problem = only(judge(environment={"RESULT_BACKEND": "rpc://"}))
    assert problem.remedy.endswith("set celery_app_result_backend")


def test_several_problems_come_at_once():
    assert len(judge(name="", module="", broker_url="", source=None, environment={"a b": "x"})) == 5


@pytest.mark.parametrize("command", ["", "nautobot-server celery", "/srv/indico celery", "python manage.py celery"])
def test_commands(command):
    assert judge(command=command) == []


@pytest.mark.parametrize("command", ["celery", "nautobot-server", "shop-server celery worker", "shop-server 'celery"])
def test_commands_refused(command):
    assert only(judge(command=command)).variable == "celery_app_command"


def test_command_of_airflow_is_refused_with_what_takes_its_place():
    problem = only(judge(command="airflow celery"))
    assert "celery_executor.app" in problem.remedy
