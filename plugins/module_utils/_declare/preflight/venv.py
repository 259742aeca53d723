# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Preflight: the virtual environment is of the Python that is asked for."""

from __future__ import annotations

from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import Problem, refuse

# The default says nothing about a virtual environment that works.
DEFAULT = "python3"

FACTS: dict[str, Any] = {
    "python": {"type": "str", "required": True},
    "version": {"type": "str", "default": ""},
    "error": {"type": "str", "default": ""},
    "venv": {"type": "str", "required": True},
    "venv_version": {"type": "str", "default": ""},
}


def check_venv(facts: dict[str, Any]) -> list[Problem]:
    """`celery_app_python` runs on the host, and a virtual environment that works is one of its version.

    version and venv_version are as 3.11; the latter is empty where there is no virtual environment that works.
    """
    python, version = facts["python"], facts["version"]
    if not version:
        return [
            refuse(
                "celery_app_python",
                f"{python}, which does not run on the host: {facts['error'] or 'it cannot be started'}",
                "a Python of the host, with its module venv",
                "install it (celery_app_system_packages), or correct celery_app_python",
            )
        ]
    if python == DEFAULT or facts["venv_version"] in ("", version):
        return []
    return [
        refuse(
            "celery_app_python",
            f"{python}, which is Python {version}; {facts['venv']} is of Python {facts['venv_version']}",
            "a virtual environment of that Python: services run from it, so it is not replaced below them",
            f"name another directory in celery_app_venv, for example {facts['venv']}-{version}: it is made, and services are"
            " restarted into it",
        )
    ]
