"""The commands of the runbooks that ask the application run as they stand, with its names in place of the example's."""

from __future__ import annotations

import re

import pytest
from helpers import PROJECT
from waiting import wait_for

# It takes the id of a task that has failed.
LEFT_OUT = 'shop-run celery -A shop.celery result --traceback "$id"'


def commands():
    """Return what is run by `shop-run`, each once."""
    pages = [path.read_text(encoding="utf-8") for path in sorted((PROJECT / "docs/runbooks").glob("*.md"))]
    found = {line for page in pages for line in re.findall(r"^\$ (shop-run .+)$", page, re.MULTILINE)}
    return sorted(found - {LEFT_OUT})


def is_done(host, command):
    """Whether it succeeds, run as the application's user."""
    return host.on.run("runuser -u %s -- sh -c %s", host.facts["user"], command).rc == 0


@pytest.mark.whole
def test_runbooks_commands_run(worker_host):
    facts = worker_host.facts
    names = {
        "shop-run": f"{facts['bin_dir']}/{worker_host.app}-run",
        "general@worker1": f"prefork@{worker_host.name}",
    }
    on_redis = facts["broker_url"].startswith("redis")
    # What speaks to Redis itself has a block of its own in the pages.
    wanted = [command for command in commands() if on_redis or "default_channel" not in command]
    assert len(wanted) > 10
    for command in wanted:
        for name, own in names.items():
            command = command.replace(name, own)
        # Who answers later than `celery inspect` waits is asked again.
        wait_for(lambda command=command: is_done(worker_host, command), f"it succeeds: {command}")
