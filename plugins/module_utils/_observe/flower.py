# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the HTTP API of Flower, step by step. Private to the collection."""

from __future__ import annotations

import base64
import http.client
import json
from urllib.parse import urlsplit

from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import PeerError, bounded, connect
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import mask

# A fleet of a thousand workers has less than a tenth of this.
LARGEST = 8 * 1024 * 1024


class Flower:
    """Where Flower is, and who asks."""

    def __init__(self, url, prefix="", username=None, password=None, validate_certs=True):
        parts = urlsplit(url)
        self.secure = parts.scheme == "https"
        self.host = parts.hostname
        self.port = parts.port or (443 if self.secure else 80)
        self.place = parts.netloc
        self.root = "".join("/" + part for part in (parts.path.strip("/"), (prefix or "").strip("/")) if part)
        self.tls = ({} if validate_certs else {"ssl_cert_reqs": "none"}) if self.secure else None
        self.headers = {"Accept": "application/json", "Host": self.place}
        if username is not None:
            words = "{0}:{1}".format(username, password or "").encode("utf-8")
            self.headers["Authorization"] = "Basic " + base64.b64encode(words).decode("ascii")

    @property
    def url(self):
        """The address of its root."""
        return "{0}://{1}{2}".format("https" if self.secure else "http", self.place, self.root)

    def get(self, path, clock):
        """Return status, headers and body of a page, or raise PeerError with the layer that failed."""
        sock = connect(self.host, self.port, clock, self.tls)
        try:
            return bounded(lambda: self._talk(sock, path), clock.left(), "http", "Flower at " + self.url)
        except (OSError, http.client.HTTPException) as error:
            text = "no HTTP answer from {0}: {1}".format(self.url, " ".join(str(error).split()) or type(error).__name__)
            raise PeerError("http", text) from None
        finally:
            sock.close()

    def _talk(self, sock, path):
        connection = http.client.HTTPConnection(self.host, self.port)
        connection.sock = sock
        connection.request("GET", self.root + path, headers=self.headers)
        answer = connection.getresponse()
        body = answer.read(LARGEST + 1)
        if len(body) > LARGEST:
            raise PeerError("http", "the answer of {0} is larger than {1} bytes".format(self.url, LARGEST))
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body

    def ask(self, path, clock):
        """Return what a page of the API says, or raise PeerError."""
        status, headers, body = self.get(path, clock)
        said = mask(" ".join(body[:200].decode("utf-8", "replace").split())) if b"<" not in body[:200] else ""
        refused = status in (401, 403) or (300 <= status < 400 and "login" in headers.get("location", ""))
        if refused:
            raise Refused("auth", "{0} refuses with {1}: {2}".format(self.url, status, said or "log in"), status)
        if status != 200:
            raise Refused("http", "{0}{1} answers {2}: {3}".format(self.url, path, status, said or "no reason"), status)
        try:
            return json.loads(body.decode("utf-8")), headers
        except ValueError:
            raise Refused(
                "http", "{0}{1} does not answer with JSON; is it Flower?".format(self.url, path), 200
            ) from None


class Refused(PeerError):
    """An answer that is none, with its HTTP status."""

    def __init__(self, layer, text, status):
        super().__init__(layer, text)
        self.status = status


def look(flower, clock, refresh=False):
    """Return what Flower says of itself, of the workers and of the broker."""
    result = {
        "url": flower.url,
        "reachable": False,
        "layer": "ok",
        "error": "",
        "status": None,
        "server": None,
        "workers": {},
        "broker": {"reachable": None, "error": "", "queues": {}},
    }
    try:
        workers, headers = flower.ask("/api/workers?status=1" + ("&refresh=1" if refresh else ""), clock)
    except PeerError as error:
        status = getattr(error, "status", None)
        result.update(layer=error.layer, error=mask(str(error)), status=status, reachable=status is not None)
        if refresh and status == 503:
            result["broker"].update(reachable=False, error=result["error"])
        return result
    result.update(
        reachable=True,
        status=200,
        server=headers.get("server"),
        workers={name: bool(workers[name]) for name in sorted(workers)},
        broker=broker_of(flower, clock),
    )
    return result


def broker_of(flower, clock):
    """Return what the queues' lengths tell about the broker; most of what can go wrong says nothing about it."""
    try:
        answer, _headers = flower.ask("/api/queues/length", clock)
    except PeerError as error:
        # Flower answers 500 where its own question to the broker fails.
        reachable = False if getattr(error, "status", None) == 500 else None
        return {"reachable": reachable, "error": mask(str(error)), "queues": {}}
    queues = {queue["name"]: queue["messages"] for queue in answer.get("active_queues", []) if "name" in queue}
    # Without the management API of RabbitMQ the list is empty, whatever the broker does.
    return {"reachable": True if queues else None, "error": "", "queues": queues}
