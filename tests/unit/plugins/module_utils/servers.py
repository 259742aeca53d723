# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Peers on loopback for the tests of the remote helpers."""

from __future__ import annotations

import socket
import threading


class Server:
    """Answers one connection on a loopback port with the given lines, one for each read; None stays mute."""

    def __init__(self, answers):
        self.answers = answers
        self.seen = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        connection, _address = self.socket.accept()
        with connection:
            for answer in self.answers:
                self.seen.append(connection.recv(4096))
                if answer is None:
                    connection.recv(1)
                else:
                    connection.sendall(answer)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
