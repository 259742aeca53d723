# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service managers, made from the arguments of a module. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._service.supervisor import Supervisor
from ansible_collections.taskfleet.celery.plugins.module_utils._service.systemd import Systemd

ARGUMENTS = {
    "supervisor_directory": {"type": "path", "default": "/etc/supervisor/conf.d"},
    "supervisor_socket": {"type": "path", "default": "/var/run/supervisor.sock"},
}


def manager_named(label, params):
    """Return the manager called systemd or supervisor, from the ARGUMENTS among the parameters."""
    if label == "supervisor":
        return Supervisor(params["supervisor_directory"], params["supervisor_socket"])
    return Systemd()
