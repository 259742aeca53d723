# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tries what a worker does after the login, and leaves nothing behind: what is refused here would end the worker later.

Redis is told the commands in a transaction that is never carried out: it looks at rights, memory and its role at once.
RabbitMQ gets a mailbox, which is deleted, and the declaration of each queue that it has; of one that it has not, a
declaration that it refuses for an argument, after it has looked at the rights.

Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

import contextlib
import os
import socket

from ansible_collections.taskfleet.celery.plugins.module_utils._common.brokers import transport_of
from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import bounded, sentence
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import mask

PERMISSION, ARGUMENTS, TRANSIENT, OTHER = "permission", "arguments", "transient", "other"

REMOTE_CONTROL = "remote control"

# The setting of RabbitMQ that its error names where it takes no queue which is neither durable nor exclusive.
TRANSIENT_QUEUES = "transient_nonexcl_queues"
# No queue has it, so RabbitMQ refuses the declaration in any case.
IMPOSSIBLE = {"x-expires": 0}


def broker_refusals(app, connection, worker, seconds):
    """Return what the broker refuses a worker that consumes the queues, with remote control and gossip or without.

    Each refusal is what was tried, the error, and its kind. worker has queues, remote_control and gossip.
    """
    kind = transport_of(connection.transport_cls if isinstance(connection.transport_cls, str) else "")
    try_it = {"redis": _redis, "sentinel": _redis, "amqp": _amqp}.get(kind)
    return _within(seconds, "broker", lambda: try_it(app, connection, worker)) if try_it else []


def backend_refusals(app, result_backend, seconds):
    """Return what a result backend on Redis refuses to who stores a result, and to who sends a task."""
    if transport_of(result_backend["type"]) not in ("redis", "sentinel") or not result_backend["reachable"]:
        return []

    def tried():
        backend = app.backend
        key = backend.get_key_for_task("taskfleet")
        commands = [("SETEX", key, 1, ""), ("GET", key), ("DEL", key), ("PUBLISH", key, ""), ("SUBSCRIBE", key)]
        return redis_refusals(backend.client.connection_pool, commands)

    return _within(seconds, "result backend", tried)


def _within(seconds, peer, call):
    """Return what the call returns; what ends it is a refusal too."""
    try:
        return bounded(call, seconds, "protocol", peer)
    except Exception as error:
        return [refusal("what a worker does after the login", error)]


def refusal(what, error):
    """Return a refusal as the module returns it."""
    return {"what": what, "error": mask(sentence(error)), "kind": kind_of_error(error)}


def kind_of_error(error):
    """Return whether an error is about rights, about the arguments of a queue, about transient queues, or about else."""
    code = getattr(error, "reply_code", None)
    if TRANSIENT_QUEUES in str(error):
        return TRANSIENT
    if code == 403 or type(error).__name__ == "NoPermissionError" or "NOPERM" in str(error):
        return PERMISSION
    return ARGUMENTS if code == 406 else OTHER


def own_queues(app, connection, worker):
    """Return, by what they are for, the queues that a worker has for itself: its mailbox, and what gossip listens at."""
    found = {}
    if worker["remote_control"] and app.conf.worker_enable_remote_control:
        name = "taskfleet-proof-{0}@{1}".format(os.getpid(), socket.gethostname())
        found[REMOTE_CONTROL] = app.control.mailbox.get_queue(name)
    if worker["gossip"]:
        found["gossip"] = app.events.Receiver(connection, routing_key="worker.#").queue
    return found


def task_queues(app, names):
    """Return the queues of these names as the application declares them, made up the way Celery does; without, its own."""
    queues = app.amqp.queues
    found = []
    for name in names or list(queues.consume_from):
        # Where the application creates none, preflight says so.
        with contextlib.suppress(KeyError):
            found.append(queues[name])
    return found


# -- Redis


def _redis(app, connection, worker):
    with connection.clone() as attempt:
        attempt.connect()
        channel = attempt.channel()
        topics = {use: topic(channel, queue) for use, queue in own_queues(app, attempt, worker).items()}
        queues = task_queues(app, worker["queues"])
        return redis_refusals(channel.pool, redis_commands(channel, topics, queues))


def topic(channel, queue):
    """Return the channel of Redis that a queue of a fanout exchange listens at."""
    text = channel._get_publish_topic(queue.exchange.name, queue.routing_key.replace("#", "*"))
    return (channel.global_keyprefix or "") + text


def redis_commands(channel, topics, queues):
    """Return the commands that kombu sends for a worker, with the keys and the channels that it uses."""
    commands = [("PSUBSCRIBE", name) for name in topics.values()]
    commands += [("PUBLISH", topics[REMOTE_CONTROL], "")] if REMOTE_CONTROL in topics else []
    plain = [
        ("ZADD", channel.unacked_index_key, 0, "taskfleet"),
        ("HSET", channel.unacked_key, "taskfleet", ""),
        ("HGET", channel.unacked_key, "taskfleet"),
        ("ZREM", channel.unacked_index_key, "taskfleet"),
        ("HDEL", channel.unacked_key, "taskfleet"),
    ]
    for queue in queues:
        binding = channel.keyprefix_queue % queue.exchange.name
        keys = [channel._q_for_pri(queue.name, priority) for priority in channel.priority_steps]
        plain += [("SADD", binding, ""), ("SMEMBERS", binding), ("LPUSH", keys[0], ""), ("LLEN", keys[0])]
        plain.append(("BRPOP", *keys, 1))
    client = channel.client
    return commands + [tuple(client._prefix_args(one)) if channel.global_keyprefix else one for one in plain]


def redis_refusals(pool, commands):
    """Return which of the commands Redis refuses, without any of them being carried out."""
    import redis

    connection = pool.get_connection("MULTI")
    found = []
    try:
        for words in [("MULTI",), *commands]:
            connection.send_command(*words)
            try:
                connection.read_response()
            except redis.ResponseError as error:
                if "inside a transaction" not in str(error) and "allowed in transactions" not in str(error):
                    found.append(refusal(" ".join(_text(word) for word in words[:2]), error))
    finally:
        # With the connection goes the transaction.
        connection.disconnect()
        pool.release(connection)
    return found


def _text(word):
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)


# -- RabbitMQ


def _amqp(app, connection, worker):
    from kombu.common import Broadcast

    with connection.clone() as attempt:
        own = own_queues(app, attempt, worker)
        queues = task_queues(app, worker["queues"])
        own.update((queue.alias, queue) for queue in queues if isinstance(queue, Broadcast))
        found = []
        for purpose, queue in own.items():
            found += tried(attempt, "the queue {1} for {0}".format(purpose, queue.name), _use, queue)
            with contextlib.suppress(Exception):
                attempt.channel().queue_delete(queue.name)
        for queue in queues:
            if not isinstance(queue, Broadcast) and not queue.no_declare:
                found += tried(attempt, "the declaration of the queue {0}".format(queue.name), _declare, queue)
        return found


def tried(connection, what, call, queue):
    """Return the refusal of what was tried, or nothing. RabbitMQ closes a channel at the first."""
    try:
        call(connection, queue)
    except Exception as error:
        return [refusal(what, error)]
    return []


def _use(connection, queue):
    """Declare, bind and consume a queue of one's own."""
    channel = connection.channel()
    queue.bind(channel).declare()
    channel.basic_consume(queue.name, no_ack=True, callback=lambda message: None)
    channel.close()


def _declare(connection, queue):
    """Declare a queue as the application does if it is there; else only ask whether one may."""
    from amqp.exceptions import NotFound, PreconditionFailed

    try:
        connection.channel().queue_declare(queue.name, passive=True)
    except NotFound:
        with contextlib.suppress(PreconditionFailed):
            connection.channel().queue_declare(queue.name, durable=True, auto_delete=False, arguments=IMPOSSIBLE)
    else:
        queue.bind(connection.channel()).queue_declare()
