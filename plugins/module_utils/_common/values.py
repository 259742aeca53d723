# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbers and booleans that may arrive as text: from a survey, from ``-e``, from a vault. Private to the collection."""

from __future__ import annotations

import re

# As Ansible's own filter `bool` reads them.
TRUE = ("y", "yes", "on", "1", "true", "t")
FALSE = ("n", "no", "off", "0", "false", "f")


def integer(value):
    """Return value as an integer, or None: 30, '30', not 30.5 and not true."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and re.match(r"[+-]?\d+\Z", value.strip()):
        return int(value)
    return None


def boolean(value):
    """Return value as true or false, or None: true, 'yes', 1, not 'perhaps'."""
    word = str(value).strip().lower()
    if word in TRUE:
        return True
    return False if word in FALSE else None
