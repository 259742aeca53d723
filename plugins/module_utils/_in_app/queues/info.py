# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at the queues of a broker. Runs inside the application's Python. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.broker import with_queues


def main(arguments, tell):
    """Return queues, and by transport clients, unacked, unattributed and management."""

    def work(queues, names, clock):
        if queues.kind == "amqp":
            return queues.info(names, clock, arguments["management_url"])
        return queues.info(names, clock)

    return with_queues(arguments, tell, work)
