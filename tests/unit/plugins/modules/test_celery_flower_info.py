# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from ansible_collections.taskfleet.celery.plugins.modules import celery_flower_info
from ansible_collections.taskfleet.celery.tests.waiting import PATIENCE

USER = {"username": "ops", "password": "hunter2222"}
WORKERS = {"w2@h": False, "w1@h": True}
QUEUES = {"active_queues": [{"name": "celery", "messages": 3}]}
DOCUMENTED = yaml.safe_load(celery_flower_info.RETURN)


class Server(ThreadingHTTPServer):
    """Answers as Flower 2.2 does: {path: (status, body)}, to who has the password."""

    daemon_threads = True

    def __init__(self, pages):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages = pages
        self.asked = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def version_string(self):
        return "TornadoServer/6.5"

    def do_GET(self):
        self.server.asked.append(self.path)
        wanted = "Basic " + base64.b64encode(b"ops:hunter2222").decode()
        if self.headers["Authorization"] != wanted:
            return self.answer(401, "Access denied")
        return self.answer(*self.server.pages.get(self.path.partition("?")[0], (404, "<html>")))

    def answer(self, status, body):
        if status == 302:
            self.send_response(302)
            self.send_header("Location", body)
            return self.end_headers()
        self.send_response(status)
        self.end_headers()
        return self.wfile.write((body if isinstance(body, str) else json.dumps(body)).encode())

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def flower():
    servers = []

    def make(prefix="", workers=(200, WORKERS), queues=(200, QUEUES)):
        servers.append(Server({f"{prefix}/api/workers": workers, f"{prefix}/api/queues/length": queues}))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
        return servers[-1]

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def call(run_module):
    def with_arguments(**arguments):
        result = run_module(celery_flower_info, **{"timeout": PATIENCE, **arguments})
        assert "hunter2222" not in json.dumps(result)
        return result

    return with_arguments


def test_result_has_what_flower_sees(call, flower):
    made = flower()
    result = call(url=made.url, **USER)
    assert set(result) - {"changed", "invocation"} == set(DOCUMENTED)
    assert set(result["broker"]) == set(DOCUMENTED["broker"]["contains"])
    assert result["workers"] == WORKERS
    assert result["broker"] == {"reachable": True, "error": "", "queues": {"celery": 3}}
    assert (result["reachable"], result["layer"], result["error"], result["status"]) == (True, "ok", "", 200)
    assert (result["server"], result["changed"]) == ("TornadoServer/6.5", False)
    assert made.asked == ["/api/workers?status=1", "/api/queues/length"]


def test_prefix_and_a_refresh(call, flower):
    made = flower("/tools/flower")
    result = call(url=made.url + "/tools/", url_prefix="/flower/", refresh=True, **USER)
    assert (result["layer"], result["url"]) == ("ok", made.url + "/tools/flower")
    assert made.asked[0] == "/tools/flower/api/workers?status=1&refresh=1"


@pytest.mark.parametrize(
    ("workers", "user", "layer", "text"),
    [
        ((200, WORKERS), {"username": "ops", "password": "wrong-one"}, "auth", "refuses with 401: Access denied"),
        ((200, WORKERS), {}, "auth", "refuses with 401"),
        ((302, "/login?next=x"), USER, "auth", "refuses with 302"),
        ((404, "<html>"), USER, "http", "answers 404"),
        ((200, "<html>"), USER, "http", "is it Flower?"),
        (
            (503, "Failed to update workers: amqp://a:hunter2222@h"),
            USER,
            "http",
            "answers 503: Failed to update workers",
        ),
    ],
)
def test_answers_that_are_none(call, flower, workers, user, layer, text):
    result = call(url=flower(workers=workers).url, **user)
    assert (result["layer"], result["reachable"], result["workers"]) == (layer, True, {})
    assert text in result["error"]
    assert result["broker"]["reachable"] is None


def test_refresh_that_fails_is_about_the_broker(call, flower):
    result = call(url=flower(workers=(503, "Failed to update workers: x")).url, refresh=True, **USER)
    assert result["broker"]["reachable"] is False


@pytest.mark.parametrize(
    ("queues", "reachable"), [((500, "<html>"), False), ((404, "x"), None), ((200, {"active_queues": []}), None)]
)
def test_lengths_of_queues_show_the_state_of_the_broker(call, flower, queues, reachable):
    result = call(url=flower(queues=queues).url, **USER)
    assert (result["layer"], result["broker"]["reachable"]) == ("ok", reachable)
    assert result["workers"] == WORKERS


def test_nobody_listens(call):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = call(url=f"http://127.0.0.1:{port}")
    assert (result["layer"], result["reachable"], result["status"]) == ("tcp", False, None)


def test_name_that_does_not_resolve(call):
    assert call(url="http://no-such-host.invalid")["layer"] == "dns"


def test_tls_is_missing(call, flower):
    assert call(url=flower().url.replace("http:", "https:"), **USER)["layer"] == "tls"


def test_something_else_that_listens(call):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk():
            client, _address = server.accept()
            client.recv(4096)
            client.sendall(b"-ERR unknown command 'GET'\r\n")
            client.close()

        threading.Thread(target=talk, daemon=True).start()
        result = call(url=f"http://127.0.0.1:{server.getsockname()[1]}")
    assert (result["layer"], result["reachable"]) == ("http", False)


def test_wait_for_a_mute_flower_is_bounded(call):
    with socket.create_server(("127.0.0.1", 0)) as server:
        # It connects within this time, and is waited for until it is over.
        result = call(url=f"http://127.0.0.1:{server.getsockname()[1]}", timeout=2)
    assert (result["layer"], result["reachable"]) == ("http", False)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"url": "http://ops:hunter2222@h"}, "give username and password instead"),
        ({"url": "127.0.0.1:5555"}, "url is not an address"),
        ({"url": "http://h:port"}, "url is not an address"),
        ({"username": "ops"}, "parameters are required together"),
    ],
)
def test_refused_arguments(call, arguments, text):
    result = call(**arguments)
    assert result["failed"]
    assert text in result["msg"]
