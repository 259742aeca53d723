# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory declares of a node. Pure. Private to the collection."""

from __future__ import annotations


class Declaration:
    """What was declared of a node; of one that nobody has declared, what holds where nothing is said."""

    def __init__(self, declared, policy):
        self.exists = declared is not None
        self._declared = declared or {}
        self.stopped = self._declared.get("state") == "stopped"
        self.queues = set(self._declared.get("queues") or ())
        self.tasks = set(self._declared.get("tasks") or ())
        self.pool = self._declared.get("pool")
        self.concurrency = self._declared.get("concurrency")
        self.rate_limits = self._declared.get("rate_limits")
        self.remote_control = self._declared.get("remote_control", True)
        self.maintenance = self._declared.get("maintenance")
        # Seconds: what a start may take, and what a task may.
        self.start_grace = self._declared.get("start_grace") or policy["start_grace"]
        self.hard_limit = (self._declared.get("limits") or {}).get("hard")

    @property
    def fewest_processes(self):
        """How few processes its pool may have: the second number of autoscale, or 1."""
        autoscale = self._declared.get("autoscale")
        return autoscale[1] if autoscale else 1
