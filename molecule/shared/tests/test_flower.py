"""Flower shows the workers to those who know the password, and listens where it should."""

from __future__ import annotations

import base64
import json

from helpers import APPS
from waiting import PATIENCE, wait_for

FETCH = """
import json, sys, urllib.error, urllib.request
url, authorization, patience = json.loads({request!r})
headers = {{"Authorization": authorization}} if authorization else {{}}
try:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=patience) as answer:
        status, body = answer.status, answer.read().decode()
except urllib.error.HTTPError as error:
    status, body = error.code, ""
print(json.dumps([status, body]))
"""


def fetch(host, path, user=None):
    url = host.facts["flower_url"].rstrip("/") + path
    authorization = f"Basic {base64_of(user)}" if user else None
    source = FETCH.format(request=json.dumps([url, authorization, PATIENCE]))
    return json.loads(host.python(source, "python3", "-"))


def base64_of(text):
    return base64.b64encode(text.encode()).decode()


def test_refuses_without_password(flower_host):
    status, _body = fetch(flower_host, "/api/workers")
    assert status == 401
    status, _body = fetch(flower_host, "/workers")
    assert status == 401


def test_refuses_wrong_password(flower_host):
    user = flower_host.facts["flower_basic_auth"][0].partition(":")[0]
    status, _body = fetch(flower_host, "/api/workers", f"{user}:wrong")
    assert status == 401


def test_lists_the_workers(flower_host):
    expected = {worker.node for app in APPS if app.name == flower_host.app for worker in app.workers}
    user = flower_host.facts["flower_basic_auth"][0]

    def listed():
        status, body = fetch(flower_host, "/api/workers?refresh=1", user)
        return status == 200 and set(json.loads(body)) == expected

    wait_for(listed, f"Flower lists exactly {sorted(expected)}")


def test_listens_on_loopback_only(flower_host):
    port = flower_host.facts["flower_url"].split(":")[2].partition("/")[0]
    listening = flower_host.check(f"ss --no-header --listening --numeric --tcp 'sport = :{port}'").split()
    assert f"127.0.0.1:{port}" in listening
    assert f"0.0.0.0:{port}" not in listening
    assert f"[::]:{port}" not in listening
