"""The modules and the sentinel, by every Celery on every Python that it supports, with a real worker and a real Redis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.celery_command import (
    INSTEAD,
    SWITCHES,
    WHY_NOT,
)

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration/targets/sentinel"))

from harness import FILES, NODE, PATIENCE, Redis, Worker

# By label, PYTHON-CELERY, what scripts/versions.sh has made.
ENVIRONMENTS = {path.name: path / "bin/python" for path in sorted(Path(os.environ["VERSIONS_ENVIRONMENTS"]).iterdir())}


# The variables of the environment that the options of the celery command and of what the services start are read from.
READ_BY_CELERY = """
import json, click
from celery.bin.celery import celery
options = [option for option in celery.params if isinstance(option, click.Option)]
names = {option.envvar for option in options} | {"CELERY_" + option.name.upper() for option in options}
for command in ("worker", "beat"):
    names.update("CELERY_%s_%s" % (command.upper(), o.name.upper()) for o in celery.get_command(None, command).params
                 if isinstance(o, click.Option) and o.allow_from_autoenv)
print(json.dumps(sorted(filter(None, names))))
"""
# What the collection sets, and what the application is proven with.
AS_DECLARED = {"CELERY_RESULT_BACKEND", "CELERY_LOADER"}


@pytest.mark.parametrize("label", ENVIRONMENTS)
def test_preflight_knows_what_celery_reads_from_the_environment(label):
    said = subprocess.run([ENVIRONMENTS[label], "-c", READ_BY_CELERY], capture_output=True, text=True, check=True)
    assert set(json.loads(said.stdout)) - AS_DECLARED <= {*INSTEAD, *WHY_NOT, *SWITCHES}


@pytest.fixture
def worker(tmp_path, label):
    redis = Redis(tmp_path)
    worker = Worker(tmp_path, str(ENVIRONMENTS[label]), redis.url(), results=redis.url(1))
    yield worker
    worker.clean_up()
    redis.stop()


def ask(worker, label, dump):
    """Run the playbook; return the finished process."""
    python, celery = label.split("-")
    variables = {
        "versions_of": {"python": f"{python}.", "celery": f"{celery}."},
        "versions_python": worker.python,
        "versions_node": NODE,
        "versions_app": str(FILES),
        "versions_environment": {key: worker.environment[key] for key in ("BROKER", "RESULTS")},
        "versions_dump": str(dump),
        "versions_pid": worker.process.pid,
    }
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), "--inventory=localhost,", "--connection=local"]
    argv += ["--extra-vars", json.dumps(variables), str(ROOT / "tests/versions/ask.yml")]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=4 * PATIENCE, check=False)


@pytest.mark.parametrize("label", ENVIRONMENTS)
def test_the_sentinel_and_the_modules(worker, label, tmp_path):
    worker.wait_for("ready", state="ready", problem="", queues=["default", "reports"])
    assert worker.works(5)
    worker.wait_for("five done", completed_total=5, active_count=0)
    done = ask(worker, label, tmp_path / "dump.jsonl")
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    worker.wait_for("it is well after all this", state="ready", problem="")
    assert worker.end() == 0
    assert "taskfleet_sentinel:" not in worker.log.read_text()
