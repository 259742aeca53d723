"""What every scenario's tests share: a test is run once for each host, worker or queue it asks for."""

from __future__ import annotations

import os

import pytest
from helpers import APPS, HOSTS, logs_of


def subjects(names):
    """Answer, for the fixtures a test asks for, what it is run with."""
    if "worker" in names:
        return "worker", [(worker.app, worker, worker.node) for host in HOSTS for worker in host.workers]
    if "queue" in names:
        return "queue", [(app, queue, str(queue)) for app in APPS for queue in app.queues]
    if "app" in names:
        return "app", [(app, app, app.name) for app in APPS]
    if "worker_host" in names:
        return "worker_host", [(host.app, host, host.name) for host in HOSTS if host.workers]
    if "beat_host" in names:
        return "beat_host", [(host.app, host, host.name) for host in HOSTS if "celery_beat" in host.groups]
    if "flower_host" in names:
        return "flower_host", [(host.app, host, host.name) for host in HOSTS if "celery_flower" in host.groups]
    if "machine" in names:
        return "machine", [(host.app, host, host.name) for host in HOSTS]
    return None, []


def app_of(item):
    """Return the application that a test is about."""
    mark = item.get_closest_marker("app")
    return mark.args[0] if mark else APPS[0].name


def is_left_out(item):
    """Whether a test is about nobody here, takes too long for every run, or asks for tasks that the application lacks."""
    if item.get_closest_marker("nobody"):
        return True
    if item.get_closest_marker("whole") and not os.environ.get("TASKFLEET_WHOLE"):
        return True
    [app] = [app for app in APPS if app.name == app_of(item)]
    return bool(item.get_closest_marker("shop")) and not app.host.facts["module"].startswith("shop.")


def pytest_generate_tests(metafunc):
    name, found = subjects(metafunc.fixturenames)
    if name is None:
        return
    values = [pytest.param(subject, id=label, marks=pytest.mark.app(str(app))) for app, subject, label in found]
    metafunc.parametrize(name, values or [pytest.param(None, marks=pytest.mark.nobody)])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    left_out = [item for item in items if is_left_out(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(app_of(item)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for title, text in logs_of(app_of(item)):
            report.sections.append((title, text))
