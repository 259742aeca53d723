"""Files and processes belong to whom the documentation says."""

from __future__ import annotations

from waiting import wait_for


def described(host, path):
    file = host.on.file(path)
    assert file.exists, f"{path} is missing on {host.name}"
    return oct(file.mode), file.user, file.group


def test_environment_file(machine):
    path = f"{machine.facts['config_dir']}/celery.env"
    assert described(machine, path) == ("0o640", "root", machine.facts["group"])


def test_configuration_directory(machine):
    assert described(machine, machine.facts["config_dir"]) == ("0o750", "root", machine.facts["group"])


def test_all_environment_files(machine):
    right = f"-perm 0640 -user root -group {machine.facts['group']}"
    assert machine.check(rf"find {machine.facts['config_dir']} -name '*.env' -not \( {right} \)") == ""


def test_log_directory(machine):
    assert described(machine, machine.facts["log_dir"]) == ("0o755", machine.facts["user"], machine.facts["group"])


def test_schedule_file(beat_host):
    if beat_host.facts["scheduler"] == "persistent":
        found = beat_host.check(f"find {beat_host.facts['state_dir']} -type f -name '*schedule*'").splitlines()
        assert found
        assert {beat_host.on.file(path).user for path in found} == {beat_host.facts["user"]}


def test_worker_runs_as_the_user(worker):
    assert worker.host.check(f"stat --format=%U /proc/{worker.pid}") == worker.host.facts["user"]


def test_probe(worker):
    path = f"{worker.host.facts['bin_dir']}/{worker.app}-worker-probe"
    assert described(worker.host, path)[:2] == ("0o755", "root")
    # As for the documented healthcheck, one that fails does not count: a ping may go unanswered.
    wait_for(lambda: worker.host.on.run(f"{path} {worker.instance}").rc == 0, f"the probe finds {worker.name} healthy")
