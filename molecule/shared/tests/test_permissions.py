"""Files and processes belong to whom the documentation says."""

from __future__ import annotations


def described(host, path):
    file = host.on.file(path)
    assert file.exists, f"{path} is missing on {host.name}"
    return oct(file.mode), file.user, file.group


def test_environment_file(host):
    assert described(host, f"/etc/{host.app}/celery.env") == ("0o640", "root", host.app)


def test_configuration_directory(host):
    assert described(host, f"/etc/{host.app}") == ("0o750", "root", host.app)


def test_all_environment_files(host):
    right = f"-perm 0640 -user root -group {host.app}"
    wrong = host.check(rf"find /etc/{host.app} -name '*.env' -not \( {right} \)")
    assert wrong == ""


def test_log_directory(host):
    assert described(host, f"/var/log/{host.app}") == ("0o755", host.app, host.app)


def test_schedule_file(beat_host):
    if beat_host.facts["scheduler"] == "persistent":
        schedule = beat_host.check(f"find /var/lib/{beat_host.app} -type f -name '*schedule*'").splitlines()
        assert schedule
        assert {beat_host.on.file(path).user for path in schedule} == {beat_host.app}


def test_worker_runs_as_the_user(worker):
    process = worker.host.on.process.get(pid=worker.pid)
    assert process.user[:7] == worker.app[:7]


def test_probe(worker):
    path = f"/usr/local/bin/{worker.app}-worker-probe"
    assert described(worker.host, path)[:2] == ("0o755", "root")
    answer = worker.host.on.run(f"{path} {worker.instance}")
    assert answer.rc == 0, answer.stdout + answer.stderr
