# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Preflight: pip finds versions that fit all requirements; what it says where it does not."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import (
    Problem,
    listing,
    refuse,
)

# Of the requirements that exclude each other, pip lists each pair that it has tried.
PAIR = 2

FACTS: dict[str, Any] = {
    "output": {"type": "str", "required": True},
    "packages": {"type": "list", "elements": "str", "default": []},
}


def check_packages(facts: dict[str, Any]) -> list[Problem]:
    """The requirements of the application and `celery_app_packages` do not exclude each other, and pip can install them."""
    pair = conflict(facts["output"])
    asked = listing(facts["packages"])
    if pair:
        return [
            refuse(
                "celery_app_packages",
                f"{asked}; these exclude each other: {'; '.join(pair)}",
                "requirements that one version of each package meets, with celery>=5.3 and kombu>=5.3",
                "take out of celery_app_packages what the application pins itself, or change its pin",
                "https://pip.pypa.io/en/stable/topics/dependency-resolution/",
            )
        ]
    return [
        refuse(
            "celery_app_packages",
            f"{asked}; pip fails: {last_error(facts['output'])}",
            "requirements that pip can install on the host, as the application's user",
            "read pip's output above; it may lack an index, a package of the system to build with"
            " (celery_app_system_packages), or a release for this Python",
        )
    ]


def conflict(output: str) -> list[str]:
    """Return the first requirements that exclude each other, of what pip says, or nothing."""
    found = re.search(r"The conflict is caused by:\s*\n((?:[ \t]+\S.*\n?)+)", output)
    return [line.strip() for line in found[1].splitlines()[:PAIR]] if found else []


def last_error(output: str) -> str:
    """Return the last line of pip's output that is an error, else the last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["it says nothing"])[-1]
