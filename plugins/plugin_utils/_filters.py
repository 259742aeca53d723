# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the filters share. Private to the collection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def as_filter(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose ValueError is that of a filter."""

    def filtered(value: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return function(value, *arguments, **options)
        except ValueError as error:
            raise AnsibleFilterError(str(error)) from error

    return filtered
