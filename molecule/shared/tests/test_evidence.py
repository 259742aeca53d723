"""What the modules that look tell of a deployed fleet is what is there."""

from __future__ import annotations

import functools
import json
import re
import tarfile

import pytest
from helpers import HOSTS, ansible, module
from waiting import PATIENCE, wait_for


def evidence(host):
    facts = host.facts
    return module(
        host,
        "celery_host_info",
        name=host.app,
        app=facts["module"],
        celery_command=facts["command"],
        instances=[worker.instance for worker in host.workers],
        manager=host.manager,
        config_dir=facts["config_dir"],
        log_dir=facts["log_dir"],
        directories=[facts["log_dir"], facts["state_dir"]],
        sample=2,
        timeout=PATIENCE,
    )


@functools.cache
def undisturbed(host):
    """Return the evidence of a host on which everything runs. To gather it costs seconds, so the tests share it."""
    return evidence(host)


def entry_of(found, service):
    return found["instances"][service.instance] if service.instance else found[service.log_name]


def test_host_info_knows_every_service(machine):
    pids = {service.name: service.pid for service in machine.services}
    found = undisturbed(machine)
    assert (found["missing"], found["strays"]) == ({}, [])
    for service in machine.services:
        entry = entry_of(found, service)
        assert entry["service"]["name"] == service.name
        assert (entry["service"]["state"], entry["service"]["main_pid"]) == ("active", pids[service.name])
        assert entry["service"]["since_seconds"] >= 0
        assert isinstance(entry["service"]["restarts"], int) is (machine.manager == "systemd")
        [main] = [process for process in entry["processes"] if process["role"] == "main"]
        assert main["pid"] == pids[service.name]
        assert main["rss_bytes"] > 10_000_000
        assert main["switches"] is not None
        assert entry["memory"] or entry["missing"]["memory"]
        connected = [one for one in entry["sockets"] if one["to"] == "broker" and one["state"] == "ESTABLISHED"]
        assert connected, entry["sockets"]
        assert entry["log"]["lines"]
        assert set(entry["missing"]) <= {"heartbeat", "memory"}


def test_host_info_knows_the_pools(worker_host):
    """Where a process of a pool is replaced between the two questions, both are asked again."""

    def pools():
        stats = worker_host.answers("stats", *(worker.node for worker in worker_host.workers))
        by_instance = {worker.instance: stats[worker.node]["pool"] for worker in worker_host.workers}
        return {
            name: set(pool["processes"]) if "prefork" in pool["implementation"] else set()
            for name, pool in by_instance.items()
        }

    def children():
        instances = evidence(worker_host)["instances"]
        return {
            worker.instance: {one["pid"] for one in instances[worker.instance]["processes"] if one["role"] == "child"}
            for worker in worker_host.workers
        }

    wait_for(lambda: children() == pools(), "host and workers name the same processes")


def test_host_info_knows_clock_and_disks_and_no_secret(machine):
    found = undisturbed(machine)
    assert abs(found["clock"]["offset"]) <= found["clock"]["uncertainty"] + 0.01
    free = int(machine.check(f"stat --file-system --format=%a {machine.facts['log_dir']}"))
    block = int(machine.check(f"stat --file-system --format=%S {machine.facts['log_dir']}"))
    assert found["disks"][0]["free_bytes"] == pytest.approx(free * block, rel=0.05)
    text = json.dumps(found)
    assert [name for name, secret in machine.secrets.items() if secret in text] == []


def test_host_info_of_a_stopped_worker(worker_host):
    worker = worker_host.workers[-1]
    worker.stop()
    try:
        entry = evidence(worker_host)["instances"][worker.instance]
    finally:
        worker.start()
    assert entry["service"]["state"] == "inactive"
    assert entry["processes"] == []
    assert (entry["sockets"], entry["missing"]["sockets"]) == (None, "no process runs")
    worker_host.answers("ping", worker.node)


def test_beat_info(beat_host):
    facts = beat_host.facts
    info = beat_host.ask(
        "celery_beat_info",
        schedule_file=facts["schedule_file"] or f"{facts['state_dir']}/celerybeat-schedule",
        **({"scheduler": "redbeat.RedBeatScheduler"} if facts["scheduler"] == "redbeat" else {}),
    )
    assert info["probe"] == {"ok": True, "error": ""}
    assert info["count"] == 1
    beat = next(service for service in beat_host.services if service.log_name == "beat")
    assert [process["pid"] for process in info["beats"]] == [beat.pid]
    assert info["schedule"]["readable"] is True, info["schedule"]["error"]
    assert info["configured"]
    if facts["scheduler"] == "redbeat":
        assert info["schedule"]["lock"]["held"] is True
        assert {entry["name"] for entry in info["schedule"]["entries"]} >= {one["name"] for one in info["configured"]}
    else:
        assert {part["owner"] for part in info["file"]["parts"]} == {facts["user"]}


def test_diagnose_leaves_out_nothing_but_secrets(tmp_path):
    done = ansible("ansible-playbook", f"--extra-vars=celery_report_dir={tmp_path}", "taskfleet.celery.diagnose")
    assert done.returncode == 0, done.stdout + done.stderr
    [archive] = tmp_path.iterdir()
    assert archive.stat().st_mode & 0o777 == 0o600
    with tarfile.open(archive) as packed:
        files = {re.sub("^[^/]+/", "", one.name): packed.extractfile(one).read().decode() for one in packed}
    for host in HOSTS:
        assert f"host {host.name}: gathered" in files["summary.txt"]
        for service in host.services:
            assert files[f"hosts/{host.name}/logs/{service.log_name}.log"].strip()
        assert json.loads(files[f"hosts/{host.name}/app.json"])["versions"]["celery"]
        for worker in host.workers:
            assert worker.node in json.loads(files[f"apps/{host.app}/inspect.json"])["nodes"]
    secrets = {secret for host in HOSTS for secret in host.secrets.values()}
    assert [path for path, text in files.items() if any(secret in text for secret in secrets)] == []
