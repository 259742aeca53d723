# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Preflight: the host has an operating system that the roles can install on."""

from __future__ import annotations

import shlex
from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import (
    Problem,
    refuse,
    warn,
)

# By ID of os-release its VERSION_ID, as the scenarios of molecule/ deploy to them.
TESTED = {"debian": ("12", "13")}
# Near enough to be tried: the same packages under the same names.
UNTESTED = {"ubuntu": ("22.04", "24.04")}

VARIABLE = "the operating system of the host"
EXPECTED = "Debian 12 or 13; Ubuntu 22.04 and 24.04 are accepted, but not tested"

FACTS: dict[str, Any] = {
    "os_release": {"type": "str", "required": True},
    "error": {"type": "str", "default": ""},
}


def check_system(facts: dict[str, Any]) -> list[Problem]:
    """Refuse a host on which the first package would fail, and warn of one that nobody has tried."""
    found = os_release(facts["os_release"])
    name = found.get("PRETTY_NAME") or found.get("ID")
    if not name:
        reason = facts["error"] or "it does not say what the system is"
        return [refuse(VARIABLE, f"unknown, from /etc/os-release: {reason}", EXPECTED, "deploy to one of these")]
    version = found.get("VERSION_ID", "")
    if version in TESTED.get(found.get("ID", ""), ()):
        return []
    if version in UNTESTED.get(found.get("ID", ""), ()):
        return [warn(VARIABLE, f"{name}, which is not tested", "Debian 12 or 13", "deploy to a test host first")]
    return [refuse(VARIABLE, name, EXPECTED, "deploy to one of these, or try the roles with celery_app_scope user")]


def os_release(text: str) -> dict[str, str]:
    """Return names and values of os-release, which are quoted as for a shell."""
    pairs = (line.strip().partition("=") for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {name: _unquoted(value) for name, equals, value in pairs if equals}


def _unquoted(value: str) -> str:
    try:
        return "".join(shlex.split(value))
    except ValueError:
        return value
