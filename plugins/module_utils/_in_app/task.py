# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends one task, waits for its result, and looks for it where no result comes.

Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

import contextlib
import time

from ansible_collections.taskfleet.celery.plugins.module_utils._common.control import by_node
from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import Clock, sentence
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import mask
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.backend import check_backend
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.connection import lost
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.conversation import conversation
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.inspect import reach
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.task_outcome import classify, found

# Kept back to look for a task whose result does not come, and to take a private queue away.
SEARCH = 1.0
CLEAN = 2.0
# A task whose result is not there by then is looked for while it runs.
SLICE = 1.0
# Without a further reply for so long, no worker has more to say.
QUIET = 0.4
PAUSE = 0.2


def main(arguments, tell):
    """Return what became of the task."""
    clock = Clock(arguments["deadline"] - time.monotonic())
    outcome, connection, app = reach(arguments, clock)
    if connection is None:
        return outcome
    if arguments["broker_url"]:
        app.conf.update(dict.fromkeys(("broker_url", "broker_read_url", "broker_write_url"), arguments["broker_url"]))
    if arguments["result_backend"]:
        app.conf.result_backend = arguments["result_backend"]
    outcome["result_backend"] = check_backend(app, outcome["broker"], min(3.0, clock.left() / 3))
    if arguments["check_mode"]:
        return outcome
    tell(stage="send", **outcome)
    run = Run(app, connection, arguments, clock, outcome, tell)
    try:
        with conversation(app, connection, clock) as ask, run.way(ask) as queue:
            run.send(queue)
            run.wait(ask)
    except Unsent as error:
        outcome.update(classify("UNKNOWN", False), message=mask(str(error)))
    except Exception as error:
        outcome["broker"].update(lost(connection, error))
        outcome.setdefault("message", sentence(error))
    return outcome


class Unsent(Exception):
    """A task that could not be sent."""


class Run:
    """One task on its way."""

    def __init__(self, app, connection, arguments, clock, outcome, tell):
        self.app = app
        self.connection = connection
        self.arguments = arguments
        self.clock = clock
        self.outcome = outcome
        self.tell = tell
        self.node = arguments["node"]
        self.nodes = [self.node] if self.node else []
        self.keep = SEARCH
        backend = outcome["result_backend"]
        self.readable = backend["reachable"] is not False and backend["layer"] != "none"
        self.seen = None

    # -- The way to the worker

    @contextlib.contextmanager
    def way(self, ask):
        """Give the queue to send to; the one that only a named worker consumes is made, and taken away again."""
        queue = self.arguments["queue"] or (None if self.arguments["app"] else self.app.conf.task_default_queue)
        if not self.node:
            if queue:
                self.must_exist(queue)
            yield queue
            return
        consumed = self.consumed(ask)
        direct = "{0}.dq2".format(self.node)
        if direct in consumed:
            yield direct
            return
        self.keep += CLEAN
        private = self.private_queue()
        private.declare()
        try:
            parameters = {"queue": private.name, "durable": True, "auto_delete": True}
            parameters.update(exchange_durable=True, exchange_auto_delete=True)
            ask([["add_consumer", parameters]], self.nodes, self.nodes, end=self.clock.left() / 3)
            if not self.until(ask, private.name, True):
                raise Unsent("{0} did not begin to consume a queue of its own".format(self.node))
            yield private.name
        finally:
            ask([["cancel_consumer", {"queue": private.name}]], self.nodes, self.nodes, end=CLEAN / 2)
            # RabbitMQ deletes it with its consumer; to delete it before would cut the worker's connection.
            if self.until(ask, private.name, False) and self.connection.transport.driver_type != "amqp":
                self.remove(private)

    def remove(self, private):
        """Delete the queue and what a worker with another kombu than this one noted about it."""
        private.delete()
        if self.connection.transport.driver_type == "redis":
            with private.channel.conn_or_acquire() as client:
                client.delete(*("_kombu.{0}.{1}".format(key, private.name) for key in ("binding", "binding_permanent")))

    def private_queue(self):
        from kombu import Exchange, Queue

        name = "taskfleet.{0}".format(self.arguments["task_id"])
        exchange = Exchange(name, "direct", durable=True, auto_delete=True)
        return Queue(name, exchange, name, durable=True, auto_delete=True)(self.connection.channel())

    def consumed(self, ask):
        """Return the names of the queues that the named worker consumes."""
        replies = by_node(ask([["active_queues", {}]], self.nodes, self.nodes, end=self.clock.left() / 3))
        if self.node not in replies:
            raise Unsent("{0} does not answer, so it cannot be given a queue of its own".format(self.node))
        return [queue["name"] for queue in replies[self.node]["active_queues"]]

    def until(self, ask, queue, wanted):
        """Wait until the worker consumes the queue, or no longer does."""
        end = Clock(CLEAN / 2)
        while (queue in self.consumed(ask)) is not wanted:
            if time.monotonic() > end.deadline:
                return False
            time.sleep(PAUSE / 2)
        return True

    def must_exist(self, queue):
        """Refuse a queue that RabbitMQ does not have; a message to it would vanish. Redis makes it."""
        if self.connection.transport.driver_type != "amqp":
            return
        channel = self.connection.channel()
        try:
            channel.queue_declare(queue, passive=True)
        except self.connection.channel_errors as error:
            raise Unsent("there is no queue {0}: {1}".format(queue, sentence(error))) from None
        channel.close()

    # -- The task

    def send(self, queue):
        """Put the task into its queue."""
        options = {"expires": self.arguments["expires"]} if self.arguments["expires"] else {}
        if queue:
            # It is there. Declaring it again could only contradict whoever made it.
            options.update(queue=queue, declare=[])
        try:
            self.result = self.app.send_task(
                self.arguments["task"],
                self.arguments["args"],
                self.arguments["kwargs"],
                task_id=self.arguments["task_id"],
                producer=self.app.amqp.Producer(self.connection, auto_declare=False),
                retry=False,
                ignore_result=not self.readable,
                **options,
            )
        except Exception as error:
            raise Unsent(sentence(error)) from None
        self.must_be_read()
        self.begun = time.monotonic()
        self.queue = queue or self.app.conf.task_default_queue
        self.outcome["sent"] = True
        self.tell(stage="wait", sent=True)

    def must_be_read(self):
        """Have RabbitMQ answer once more: short of memory or of disk it reads nothing of who has published."""
        if self.connection.transport.driver_type == "amqp":
            self.connection.channel().close()

    def left(self):
        return self.clock.deadline - time.monotonic() - self.keep

    def wait(self, ask):
        """Wait for the result, and otherwise for the task's end as far as the workers report it."""
        state, problem, absent = "UNKNOWN", "", 0
        while self.left() > 0:
            if self.readable:
                state, problem = self.read(max(min(self.left(), SLICE), 0.05))
                if state != "PENDING" or problem:
                    break
            if self.left() > 0:
                self.look(ask)
                absent = absent + 1 if not self.seen and self.ready() == 0 else 0
                # Twice, as a message is on its way between the queue and the worker's list for a moment.
                if not self.readable and (absent > 1 or (self.seen and self.seen["state"] == "ended")):
                    break
        waited = time.monotonic() - self.begun
        if state in ("PENDING", "UNKNOWN"):
            self.look(ask)
        self.outcome.update(
            classify(state, True, self.seen, problem, self.ready(), self.readable), waited=round(waited, 3)
        )

    def read(self, seconds):
        """Return the state, PENDING when it is not there in time, and what keeps it from being read."""
        from celery.exceptions import TimeoutError as NotYet

        try:
            value = self.result.get(timeout=seconds, propagate=False, interval=0.05)
        except NotYet:
            return "PENDING", ""
        except Exception as error:
            return "UNKNOWN", sentence(error)
        meta = self.result._get_task_meta()
        self.outcome["result"] = mask(value if not isinstance(value, BaseException) else sentence(value))
        self.outcome["node"] = meta.get("worker") or (self.seen or {}).get("node") or self.node
        self.outcome["runtime"] = self.runtime(meta.get("date_done"))
        return meta["status"], ""

    def runtime(self, done):
        """Return how long the task ran, by its worker's clock, where it was seen running."""
        began = (self.seen or {}).get("time_start")
        if not began or not done:
            return None
        from datetime import datetime, timezone

        done = datetime.fromisoformat(done) if isinstance(done, str) else done
        if done.tzinfo is None:
            done = done.replace(tzinfo=timezone.utc)
        return round(max(done.timestamp() - began, 0), 3)

    def look(self, ask):
        """Ask the workers for the task, and keep where it was seen."""
        replies = ask(
            [["query_task", {"ids": [self.arguments["task_id"]]}]],
            self.nodes,
            self.nodes,
            settle=QUIET,
            end=max(min(self.left(), SLICE), QUIET),
        )
        self.seen = found(self.seen, by_node(replies), self.arguments["task_id"])

    def ready(self):
        """Return how many messages wait in the task's queue, None when that is unknown."""
        channel = self.connection.channel()
        try:
            return channel.queue_declare(self.queue, passive=True).message_count
        except Exception:
            # To kombu an empty queue of Redis does not exist.
            return 0 if self.connection.transport.driver_type == "redis" else None
