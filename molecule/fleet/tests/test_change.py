"""What the operator refuses to have, and what a changed inventory does to a running fleet."""

from __future__ import annotations

import pytest
from helpers import HOSTS, PROJECT, Service, deploy, deployed, host_named
from waiting import wait_for

OVERLAYS = PROJECT / "molecule" / "fleet" / "overlays"
REFUSED = {
    "two beats": (
        [f"--inventory={OVERLAYS / 'two_beats'}"],
        ["worker1", "worker2", "exactly one"],
    ),
    "wrong timeouts": (
        ["--extra-vars={celery_app_timeouts: {operation: 120, soft: 300, hard: 240, stop: 400}}"],
        ["celery_app_timeouts", "300", "240"],
    ),
    "no workers": (
        ["--extra-vars={celery_worker_instances: []}"],
        ["general@worker1", "would be removed", "celery_worker_allow_removal"],
    ),
    "no password for Flower": (
        ["--extra-vars={celery_flower_basic_auth: []}"],
        ["celery_flower_basic_auth"],
    ),
}


def pids():
    return {f"{service.name} on {host.name}": service.pid for host in HOSTS for service in host.services}


def changed_lines(output):
    return [line for line in output.splitlines() if line.startswith("changed:")]


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_anything_changes(case):
    arguments, expected = REFUSED[case]
    before = pids()
    run = deploy(*arguments)
    assert run.returncode != 0, run.stdout
    # Long messages are wrapped where they are shown.
    said = " ".join((run.stdout + run.stderr).split())
    assert [text for text in expected if text not in said] == [], said
    assert changed_lines(run.stdout) == []
    assert pids() == before


@pytest.fixture(scope="module")
def changed():
    """Deploy the changed inventory once, as noisily as Ansible can."""
    before = pids()
    foreign = {host.name: foreign_pids(host) for host in HOSTS if host.workers}
    run = deployed(f"--inventory={OVERLAYS / 'changed'}", "-vvv", "--diff")
    return {"before": before, "foreign": foreign, "output": run.stdout + run.stderr}


def foreign_pids(host):
    services = [Service(host, "worker", "foreign")]
    if host.manager == "supervisor":
        unit = host.check(f"systemctl show --property=MainPID --value {host.app}-worker@foreign.service")
        return [int(unit), *(service.pid for service in services)]
    return [service.pid for service in services]


@pytest.mark.usefixtures("changed")
def test_removed_instance_is_gone():
    host = host_named("worker2")
    removed = Service(host, "worker", "reports")
    assert not removed.is_known
    assert removed.node not in host.inspect("ping")
    leftovers = host.check("find /etc/supervisor /etc/systemd /etc/shop -name '*reports*'")
    assert leftovers == ""


@pytest.mark.usefixtures("changed")
def test_its_queue_is_taken_over():
    host = host_named("worker1")
    assert host.call("whoami", queue="reports") == "urgent@worker1"
    assert host.call("whoami", queue="high_priority") == "urgent@worker1"


def test_only_what_changed_is_restarted(changed):
    before = changed["before"]
    gone = "shop-worker-reports on worker2"
    after = {
        f"{service.name} on {host.name}": service.pid
        for host in HOSTS
        for service in host.services
        if f"{service.name} on {host.name}" != gone
    }
    restarted = {name for name, pid in after.items() if before[name] != pid}
    assert restarted == {"shop-worker@urgent on worker1"}


def test_foreign_services_are_untouched(changed):
    assert {name: foreign_pids(host_named(name)) for name in changed["foreign"]} == changed["foreign"]
    assert all(pid > 0 for found in changed["foreign"].values() for pid in found)


def test_output_shows_no_secret(changed):
    secrets = {name: value for host in HOSTS for name, value in host.secrets.items()}
    assert {"broker", "result backend", "flower operator"} <= set(secrets)
    shown = [line[:80] for line in changed["output"].splitlines() for value in secrets.values() if value in line]
    assert shown == []
    assert len(changed["output"]) > 10000


@pytest.mark.usefixtures("changed")
def test_workers_answer_after_the_change():
    host = host_named("worker1")
    expected = {"general@worker1", "urgent@worker1", "general@worker2"}
    wait_for(lambda: set(host.inspect("ping")) == expected, f"exactly {sorted(expected)} answer")
