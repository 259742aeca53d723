# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An application that prints what looks like a result when it is imported, and notes who imports it."""

from __future__ import annotations

import os
import sys

from fleet import app

print('{"result": {"broker": {"reachable": false}, "replies": []}}')
print('{"changed": true, "failed": true}', file=sys.stderr)
with open(os.environ["NOISY_NOTES"], "a") as stream:
    stream.write(f"{os.getuid()}\n")

__all__ = ["app"]
