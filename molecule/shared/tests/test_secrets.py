"""No password can be read by who should not read it."""

from __future__ import annotations

import json
from pathlib import Path

SCAN = Path(__file__).with_name("scan.py").read_text(encoding="utf-8")


def scan(host, secrets):
    source = SCAN.replace("SECRETS = {}", f"SECRETS = {secrets!r}")
    return json.loads(host.python(source, "python3", "-"))


def test_no_secret_can_be_read(machine):
    assert {"broker"} <= set(machine.secrets)
    answer = scan(machine, machine.secrets)
    assert answer["found"] == []
    assert answer["looked_at"] > 100


def test_scan_finds_what_is_there(machine):
    """The path of the environment file is in units and programs; a scan that does not see it sees nothing."""
    answer = scan(machine, {"name": f"{machine.facts['config_dir']}/celery.env"})
    assert answer["found"]
