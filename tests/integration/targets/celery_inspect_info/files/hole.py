# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""hole.py PORT: a port whose packets vanish. Its queue of connections is full, so the kernel drops every further SYN."""

from __future__ import annotations

import signal
import socket
import sys

SYN_SENT = 2

listener = socket.socket()
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(0)
waiting = []
while True:
    waiting.append(socket.socket())
    waiting[-1].settimeout(1)
    try:
        waiting[-1].connect(listener.getsockname())
    except TimeoutError:
        # On a machine that stood still, it may have come through meanwhile.
        if waiting[-1].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == SYN_SENT:
            break
print("the hole is open", flush=True)
signal.pause()
