# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filters that read a declaration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import (
    environments,
    expected,
    instances,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.limits import limit_environment
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import refused
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.services import (
    beat_environment,
    flower_environment,
    flower_url,
    named_services,
    worker_services,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.worker_command import celery_argv
from ansible_collections.taskfleet.celery.plugins.plugin_utils._filters import as_filter


class FilterModule:
    """Filters that read a declaration."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "celery_instances": instances,
            "celery_environments": environments,
            "celery_expected": expected,
            "celery_limit_environment": limit_environment,
            "celery_argv": celery_argv,
            "celery_worker_services": as_filter(worker_services),
            "celery_beat_environment": beat_environment,
            "celery_flower_environment": flower_environment,
            "celery_flower_url": flower_url,
            "celery_named_services": named_services,
            "celery_refused": refused,
        }
