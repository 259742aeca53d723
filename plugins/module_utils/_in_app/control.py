# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends a control command to workers that need it, and reads back what became of it, over one connection.

Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

import json
import time

from ansible_collections.taskfleet.celery.plugins.module_utils._common.control import (
    COMMANDS,
    by_node,
    plan,
    read,
    switched,
    unfinished,
    verdict,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import Clock
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.connection import lost
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.conversation import conversation
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.inspect import reach

# Of what is left, the share of each step before the reading back.
SHARE = 3
# Between two looks at whether a worker has done what it said it would.
PAUSE = 0.1
# A worker that ends does not say so: it has ended when it did not answer for so long.
GONE = 1.0


def main(arguments, tell):
    """Return by node its verdict and its states."""
    clock = Clock(arguments["deadline"] - time.monotonic())
    result, connection, app = reach(arguments, clock)
    if connection is None:
        return result
    nodes = {}
    tell(nodes=nodes, **result)
    try:
        with conversation(app, connection, clock) as ask:
            Commander(arguments, clock, ask, nodes).run()
    except Exception as error:
        result["broker"].update(lost(connection, error))
    tell(nodes=nodes, **result)
    return {}


class Commander:
    """One command and the workers that it goes to."""

    def __init__(self, arguments, clock, ask, nodes):
        self.name = arguments["command"]
        self.command = COMMANDS[self.name](arguments["parameters"])
        self.check_mode = arguments["check_mode"]
        self.destination = arguments["destination"]
        self.clock = clock
        self.ask = ask
        self.nodes = nodes

    def run(self):
        """Look, send, and look again until it is so."""
        replies = self.look(self.destination, self.clock.left() / SHARE)
        self.nodes.update((node, plan(self.command, replies.get(node, {}))) for node in self.destination)
        waiting = [node for node, state in self.nodes.items() if state["status"] == "changed"]
        if self.check_mode or not waiting:
            return
        wanted = {node: self.nodes[node] for node in waiting}
        for node in waiting:
            # Until it has been read back, nothing is known.
            self.nodes[node] = unfinished(wanted[node])
        if not self.command.asks:
            self.switch(waiting)
            return
        self.send(waiting)
        self.read_back({node: wanted[node] for node in waiting if self.nodes[node]["status"] == "unfinished"})

    def look(self, nodes, seconds):
        """Return the replies by node and method."""
        if not self.command.asks:
            return by_node(self.ask([["ping", {}]], nodes, nodes, end=seconds))
        return by_node(self.ask(list(self.command.asks), nodes, nodes, end=seconds))

    def send(self, nodes):
        """Send each worker what it needs, those with the same need together, and keep what they refuse."""
        groups = {}
        for node in nodes:
            message = self.command.message(self.nodes[node]["before"])
            groups.setdefault(json.dumps(message, sort_keys=True), (message, []))[1].append(node)
        for message, members in groups.values():
            # A worker that ends does not reply.
            awaited = [] if self.name == "shutdown" else members
            replies = by_node(self.ask([message], members, awaited, end=self.clock.left() / SHARE))
            for node in members:
                reply = replies.get(node, {}).get(message[0])
                if isinstance(reply, dict) and "error" in reply:
                    self.nodes[node].update(verdict("failed", "the worker says: {0}".format(reply["error"])))

    def read_back(self, wanted):
        """Ask until each worker is as it has to be, or the time is up."""
        while wanted:
            limit = GONE if self.name == "shutdown" else self.clock.left() / SHARE
            replies = self.look(list(wanted), limit)
            for node in list(wanted):
                after = self.after(replies.get(node, {}))
                if after is None:
                    continue
                self.nodes[node]["after"] = after
                if self.command.reached(wanted[node]["before"], after):
                    self.nodes[node].update(verdict("changed"))
                    del wanted[node]
            if self.clock.deadline - time.monotonic() < PAUSE * 2:
                return
            time.sleep(PAUSE)

    def after(self, replies):
        """Return a worker's state, or None when it is unknown."""
        if self.name != "shutdown" and any(method not in replies for method, _parameters in self.command.asks):
            return None
        try:
            return self.command.state(read(self.command, replies))
        except ValueError:
            return None

    def switch(self, nodes):
        """Switch task events; what a worker says is all that can be read back."""
        method = self.command.message(None)[0]
        first = self.say(method, nodes)
        second = {}
        if method == "disable_events":
            # A worker started with --task-events says that they are off already, and sends them.
            doubtful = [node for node in nodes if switched(first.get(node)) is False]
            second = self.say("enable_events", doubtful)
            self.say(method, [node for node in doubtful if switched(second.get(node))])
        for node in nodes:
            self.nodes[node].update(self.command.judge(first.get(node), second.get(node)))

    def say(self, method, nodes):
        """Return the replies of the nodes by name."""
        if not nodes:
            return {}
        replies = self.ask([[method, {}]], nodes, nodes, end=self.clock.left() / SHARE)
        return {node: by_method[method] for node, by_method in by_node(replies).items()}
