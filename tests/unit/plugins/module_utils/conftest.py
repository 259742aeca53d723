# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.servers import Server


@pytest.fixture
def server():
    servers = []

    def make(*answers):
        servers.append(Server(answers))
        return servers[-1]

    yield make
    for made in servers:
        made.socket.close()
