# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The queues of RabbitMQ, through AMQP, and through its management API where that is given.

Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

import base64
import json
import ssl
import time
import urllib.error
import urllib.request
from urllib.parse import quote, unquote, urlsplit

from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import answer, sentence
from ansible_collections.taskfleet.celery.plugins.module_utils._common.urls import UNREADABLE, is_readable
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.base import RESERVE, unknown_queue

ONLY_MANAGEMENT = "AMQP does not tell; set management_url"
NO_AGE = "the next message of the queue bears no time at which it was sent"
BEHIND = "the management API is behind: its lengths by priority do not add up to the messages that are ready"
NO_PRIORITIES = "the management API tells no lengths by priority for this queue"


class AmqpQueues:
    """The queues of one virtual host."""

    kind = "amqp"

    def __init__(self, connection, exchanges):
        self.connection = connection
        self.exchanges = exchanges
        self.virtual_host = connection.virtual_host or "/"

    # -- A look

    def info(self, names, clock, management_url=None):
        """Return queues and management."""
        queues = {name: self.declared(name) for name in names}
        management = dict(answer(None, "unknown"), url=None)
        if management_url and not is_readable(management_url):
            management.update(answer(False, "url", UNREADABLE))
        elif management_url:
            api = Management(management_url, self.connection, self.virtual_host, clock)
            management = api.complete(queues)
        return {"queues": queues, "management": management}

    def declared(self, name):
        """Return what a passive declaration says of a queue; RabbitMQ closes the channel of one that fails."""
        from amqp.exceptions import ChannelError, NotFound

        found = unknown_queue()
        channel = self.connection.channel()
        try:
            _name, found["ready"], found["consumers"] = channel.queue_declare(name, passive=True)
        except NotFound as error:
            # A quorum queue without its leader is not found, either.
            down = "no queue" not in str(error)
            return dict(found, error=sentence(error)) if down else dict(found, exists=False)
        except ChannelError as error:
            return dict(found, error=sentence(error))
        channel.close()
        found["exists"] = True
        found["unknown"] = dict.fromkeys(("unacked", "by_priority", "oldest_age", "type"), ONLY_MANAGEMENT)
        return found


class Management:
    """What RabbitMQ's management API says of queues; its numbers are up to five seconds old."""

    def __init__(self, url, connection, virtual_host, clock):
        parts = urlsplit(url)
        host = parts.hostname or ""
        self.base = "{0}://{1}{2}".format(
            parts.scheme,
            "[{0}]".format(host) if ":" in host else host,
            ":{0}".format(parts.port) if parts.port else "",
        ) + parts.path.rstrip("/")
        user = unquote(parts.username) if parts.username else connection.userid or "guest"
        password = unquote(parts.password) if parts.password else connection.password or "guest"
        token = base64.b64encode("{0}:{1}".format(user, password).encode("utf-8")).decode("ascii")
        self.headers = {"Authorization": "Basic " + token}
        self.virtual_host = virtual_host
        self.clock = clock
        # No proxy: the way to a broker is direct, and an environment's proxy would get its password.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def complete(self, queues):
        """Fill in what AMQP does not report, and return url, reachable, layer and error of the API."""
        result = dict(answer(True, "ok"), url=self.base)
        for name, queue in queues.items():
            if queue["exists"]:
                try:
                    queue.update(managed(self.ask(name), queue, time.time()))
                except (OSError, ValueError) as error:
                    result.update(answer(*failed(error)))
                    reason = "the management API failed: " + result["error"]
                    queue["unknown"] = dict.fromkeys(queue["unknown"], reason)
                    if result["reachable"] is False:
                        break
        return result

    def ask(self, name):
        """Return what the API says of one queue."""
        path = "/api/queues/{0}/{1}".format(quote(self.virtual_host, safe=""), quote(name, safe=""))
        request = urllib.request.Request(self.base + path, headers=self.headers)
        limit = max(self.clock.left() - RESERVE, RESERVE)
        with self.opener.open(request, timeout=limit) as response:
            return json.loads(response.read().decode("utf-8"))


def failed(error):
    """Return reachable, layer and error of a request that failed."""
    if isinstance(error, urllib.error.HTTPError):
        layer = "auth" if error.code in (401, 403) else "protocol"
        return True, layer, "HTTP {0} {1}".format(error.code, error.reason)
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLError):
        return False, "tls", sentence(reason)
    if isinstance(error, urllib.error.URLError):
        return False, "dns" if "Name or service" in str(reason) else "tcp", str(reason)
    return False, "protocol", sentence(error)


def managed(reply, queue, now):
    """Return the fields of a queue that the management API knows. AMQP's own numbers are newer and stay."""
    known = {"unacked": reply.get("messages_unacknowledged"), "type": reply.get("type"), "unknown": {}}
    lengths = (reply.get("backing_queue_status") or {}).get("priority_lengths")
    if isinstance(lengths, dict) and sum(lengths.values()) == queue["ready"]:
        known["by_priority"] = {str(step): lengths[step] for step in sorted(lengths, key=int)}
    elif isinstance(lengths, dict):
        known["unknown"]["by_priority"] = BEHIND
    elif not (reply.get("arguments") or {}).get("x-max-priority"):
        known["by_priority"] = {"0": queue["ready"]}
    else:
        known["unknown"]["by_priority"] = NO_PRIORITIES
    sent = reply.get("head_message_timestamp")
    if isinstance(sent, (int, float)):
        known.update(oldest_age=max(int(now - sent), 0), oldest_age_of="ready")
    else:
        known["unknown"]["oldest_age"] = NO_AGE
    if known["unacked"] is None:
        known["unknown"]["unacked"] = "the management API has no numbers of this queue yet"
    return known
