# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import instance
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.app_proof import (
    FACTS,
    check_app_proof,
)

GOOD = {
    "app": {"imported": True, "error": "", "error_line": "", "name": "shop.celery"},
    "versions": {"celery": "5.7.0", "kombu": "5.7.0", "redis": "6.4.0", "gevent": None},
    "fit": {"ok": True, "problem": "", "remedy": ""},
    "broker": {"url": "redis://:***@h:6379/0", "transport": "redis", "reachable": True, "layer": "ok", "error": ""},
    "result_backend": {"url": "redis://h/1", "type": "redis", "reachable": True, "layer": "ok", "error": ""},
    "conf": {"visibility_timeout": 3600},
    "modules": {"gevent": False, "flower": True},
}
LIMITS = {"operation": 120, "soft": 180, "hard": 240, "stop": 300}


def judge(part=None, facts=None, **changes):
    info = copy.deepcopy(GOOD)
    if part:
        info[part].update(changes)
    defaults = {name: fact.get("default") for name, fact in FACTS.items()}
    return check_app_proof({**defaults, "info": info, "timeouts": LIMITS, **(facts or {})})


def only(problems):
    (problem,) = problems
    assert problem.level == "refuse"
    return problem


def test_good_application():
    assert judge() == []


def test_reason_of_a_failed_import_is_reported():
    problem = only(
        judge("app", imported=False, error="it does not import: ModuleNotFoundError: No module named 'requests'")
    )
    assert problem.variable == "celery_app_module"
    assert "shop.celery" in problem.actual
    assert "No module named 'requests'" in problem.actual


def test_last_line_is_reported_where_there_is_nothing_else():
    assert "KeyError: 'X'" in only(judge("app", imported=False, error_line="KeyError: 'X'")).actual


def test_versions_that_do_not_fit():
    problem = only(judge("fit", ok=False, problem="kombu 5.7.0 needs redis>=6.4", remedy="pin kombu"))
    assert problem.variable == "celery_app_packages"
    assert "celery 5.7.0, kombu 5.7.0, redis 6.4.0" in problem.actual
    assert problem.remedy == "pin kombu"


@pytest.mark.parametrize(
    ("only_client", "reachable", "level"),
    [(True, True, "warn"), (True, False, "refuse"), (True, None, "refuse"), (False, True, "refuse")],
)
def test_client_library_that_does_not_fit_is_a_warning_where_the_login_works(only_client, reachable, level):
    fit = {"ok": False, "problem": "kombu 5.5.2 needs redis>=4.5.2", "remedy": "", "only_client": only_client}
    info = {**GOOD, "fit": fit, "broker": {**GOOD["broker"], "reachable": reachable}}
    problem = judge(facts={"info": info})[0]
    assert problem.level == level
    assert ("the login works all the same" in problem.actual) == (level == "warn")


@pytest.mark.parametrize(
    ("part", "variable"), [("broker", "celery_app_broker_url"), ("result_backend", "celery_app_result_backend")]
)
@pytest.mark.parametrize(
    ("layer", "actual", "remedy"),
    [
        ("setting", "can do nothing with this setting", "correct"),
        ("url", "no host is found in its URL", "urlencode | replace('/', '%2F')"),
        ("dns", "does not resolve", "DNS"),
        ("tcp", "no TCP connection", "firewall"),
        ("tls", "no TLS", "certificate"),
        ("auth", "login is refused", "password"),
        ("protocol", "not as expected", "port"),
        ("client", "client library", "celery_app_packages"),
        ("unknown", "does not answer", "check"),
    ],
)
def test_each_layer_has_its_remedy(part, variable, layer, actual, remedy):
    problem = only(judge(part, reachable=False, layer=layer, error="the reason"))
    assert problem.variable == variable
    assert actual in problem.actual
    assert f"layer {layer}" in problem.actual
    assert "the reason" in problem.actual
    assert remedy in problem.remedy
    assert "{" not in problem.remedy


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ("ValueError: A rediss:// URL must have parameter ssl_cert_reqs", "?ssl_cert_reqs=required"),
        ("broker_transport_options has no master_name", "set master_name"),
        ("comes from the package django-celery-results, which is not installed", "INSTALLED_APPS"),
    ],
)
def test_remedy_is_that_of_the_message(error, remedy):
    problem = only(judge("result_backend", reachable=False, layer="setting", error=error))
    assert remedy in problem.remedy
    assert "{" not in problem.remedy


def test_module_that_is_installed_and_does_not_import_is_not_called_missing():
    info = {**GOOD, "module_errors": {"redbeat": "ImportError: cannot import name 'StrictRedis'"}}
    problem = only(judge(facts={"modules": ["redbeat"], "info": info}))
    assert "is installed, but does not import: ImportError: cannot import name 'StrictRedis'" in problem.actual
    assert "pin celery-redbeat" in problem.remedy


def test_peer_that_gives_no_reason():
    problem = only(judge("broker", url=None, reachable=False, layer=None))
    assert problem.actual == "broker (no URL): it does not answer (layer unknown): no reason given"


def refused(
    kind, what="PSUBSCRIBE /0.celery.pidbox", error="NoPermissionError: no permissions to access one of the channels"
):
    return {"what": what, "error": error, "kind": kind}


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        ("permission", "ACL SETUSER"),
        ("arguments", "task_queues"),
        ("transient", "deprecated_features.permit.transient_nonexcl_queues = true"),
        ("other", "log"),
    ],
)
@pytest.mark.parametrize("peer", ["broker", "result_backend"])
def test_what_is_refused_after_the_login_has_its_remedy(peer, kind, remedy):
    problem = only(judge(facts={"info": {**GOOD, "refused": {peer: [refused(kind)]}}}))
    assert problem.variable == f"celery_app_{'broker_url' if peer == 'broker' else 'result_backend'}"
    assert "the login works, and it refuses PSUBSCRIBE /0.celery.pidbox: NoPermissionError" in problem.actual
    assert remedy in problem.remedy
    assert "{" not in problem.expected + problem.remedy


def test_each_kind_of_refusal_is_one_problem():
    broker = [refused("permission", what=f"BRPOP q{number}") for number in range(7)] + [refused("arguments")]
    problems = judge(facts={"info": {**GOOD, "refused": {"broker": broker, "result_backend": []}}})
    assert [problem.level for problem in problems] == ["refuse", "refuse"]
    assert "BRPOP q0, BRPOP q1, BRPOP q2, BRPOP q3, BRPOP q4 and 2 more" in problems[0].actual


def test_import_that_was_not_tried_is_not_refused():
    assert judge("result_backend", reachable=None, layer="none") == []


@pytest.mark.parametrize("pool", ["gevent", "eventlet"])
def test_pool_whose_module_is_missing(pool):
    problem = only(judge(facts={"pools": ["prefork", pool]}))
    assert problem.variable == "celery_app_packages"
    assert f"celery_app_packages: [{pool}]" in problem.remedy


def test_pool_whose_module_is_there():
    assert judge("modules", {"pools": ["gevent", "solo", "threads"]}, gevent=True) == []


def test_module_that_a_service_needs():
    assert judge(facts={"modules": ["flower"]}) == []
    problem = only(judge(facts={"modules": ["redbeat"]}))
    assert "celery-redbeat" in problem.remedy


def test_modules_are_not_blamed_when_the_application_does_not_import():
    problems = judge("app", {"modules": ["redbeat"]}, imported=False, error="x")
    assert only(problems).variable == "celery_app_module"


def test_applications_own_visibility_timeout():
    assert judge("conf", visibility_timeout=241) == []
    problem = only(judge("conf", visibility_timeout=240))
    assert "hard 240 s, the application's visibility_timeout 240 s" in problem.actual


def test_visibility_does_not_matter_to_rabbitmq_nor_without_limits():
    amqp = {"url": "amqp://h//", "transport": "amqp"}
    info = {**GOOD, "broker": {**GOOD["broker"], **amqp}, "conf": {"visibility_timeout": 1}}
    assert judge(facts={"info": info}) == []
    assert judge("conf", {"timeouts": {}}, visibility_timeout=1) == []


@pytest.mark.parametrize(
    ("url", "heartbeat", "warned"),
    [
        ("amqp://h//", 0, True),
        ("pyamqp://h//", None, True),
        ("amqp://h//", 120.0, False),
        ("redis://h/0", 0, False),
    ],
)
def test_amqp_without_heartbeats_is_warned_of(url, heartbeat, warned):
    info = {**GOOD, "broker": {**GOOD["broker"], "url": url}, "conf": {"broker_heartbeat": heartbeat}}
    problems = judge(facts={"info": info})
    assert [problem.level for problem in problems] == ["warn"] * warned
    assert all("RESOURCE_LOCKED" in problem.expected for problem in problems)


def test_heartbeat_that_is_not_known_is_no_reason_to_warn():
    info = {**GOOD, "broker": {**GOOD["broker"], "url": "amqp://h//"}, "conf": {}}
    assert judge(facts={"info": info}) == []


def with_instance(info=None, **keys):
    one = instance({"name": "w1", "queues": ["a"], **keys}, "web1")
    return judge(facts={"instances": [one], "info": {**GOOD, **(info or {})}})


def test_limits_of_an_instance_are_compared_with_the_applications_visibility_timeout():
    hour = {"operation": 3400, "soft": 3500, "hard": 3600, "stop": 3700}
    assert with_instance() == with_instance({"conf": {"visibility_timeout": 7200}}, timeouts=hour) == []
    problem = only(with_instance(timeouts=hour))
    assert problem.variable == "celery_worker_instances[w1].timeouts.hard"
    assert "hard 3600 s, the application's visibility_timeout 3600 s" in problem.actual


def test_limit_that_the_application_sets_itself_is_compared_too():
    conf = {"conf": {"visibility_timeout": 3600, "task_time_limit": 7200}}
    problem = only(with_instance(conf, timeouts="none"))
    assert problem.variable == "celery_worker_instances[w1].timeouts"
    assert "task_time_limit 7200 s, the application's visibility_timeout 3600 s" in problem.actual
    assert with_instance(timeouts="none") == []
    assert "task_time_limit" in only(judge(facts={"timeouts": {"stop": 300}, "info": {**GOOD, **conf}})).actual


@pytest.mark.parametrize(
    ("enabled", "declared", "warned"), [(True, True, 0), (False, True, 1), (False, False, 0), (None, True, 1)]
)
def test_remote_control_that_the_application_switches_off_is_declared(enabled, declared, warned):
    problems = with_instance({"conf": {"worker_enable_remote_control": enabled}}, remote_control=declared)
    assert [problem.variable for problem in problems] == ["celery_worker_instances[w1].remote_control"] * warned
    assert all(problem.level == "warn" for problem in problems)


@pytest.mark.parametrize(
    ("version", "refused"), [("5.4.0", True), ("5.5.0", False), ("6.0.0rc1", False), (None, False)]
)
def test_soft_shutdown_needs_a_celery_that_knows_it(version, refused):
    problems = with_instance({"versions": {"celery": version}}, soft_shutdown_timeout=30)
    assert [problem.variable for problem in problems] == ["celery_worker_instances[w1].soft_shutdown_timeout"] * refused
