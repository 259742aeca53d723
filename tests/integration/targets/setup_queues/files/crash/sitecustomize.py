# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kills its process with SIGKILL before the CRASH_AT-th thing that it says to a server or does to a file's name."""

import os
import signal
import socket

at = int(os.environ.get("CRASH_AT", "0"))
count = 0


def counted(call):
    def wrapper(*arguments, **options):
        global count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **options)

    return wrapper


if at:
    for name in ("fsync", "link", "unlink", "ftruncate"):
        setattr(os, name, counted(getattr(os, name)))
    for name in ("send", "sendall"):
        setattr(socket.socket, name, counted(getattr(socket.socket, name)))
