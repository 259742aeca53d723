# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the worker replied to remote control. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.citation import (
    CONTROL,
    cite,
    known,
    once,
)


class ControlEvidence:
    """The samples of the control plane: those in which the node was asked, and those in which it answered."""

    def __init__(self, samples):
        self.samples = samples
        self.asked = [sample for sample in samples if sample["answered"] is not None]
        self.answers = [sample for sample in samples if sample["answered"]]

    def answered_all(self):
        """Whether every question that could be put was answered. None when none could."""
        return None if not self.asked else len(self.answers) == len(self.asked)

    @once
    def silent(self):
        """A citation, if the node answered nothing in at least two samples."""
        if len(self.asked) < 2 or self.answers:
            return None
        return cite(CONTROL, "answered", [False] * len(self.asked), "no answer to remote control")

    def readings(self, key):
        """What each answer has under this key, of those that have anything."""
        return known(sample[key] for sample in self.answers)

    def loads(self):
        """How many tasks the worker has at hand, in each answer that tells."""
        return [
            len(sample["active"]) + len(sample["reserved"])
            for sample in self.answers
            if sample["active"] is not None and sample["reserved"] is not None
        ]
