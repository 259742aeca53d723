# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.backend import backend_kind, check_backend
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.servers import free_port
from ansible_collections.taskfleet.celery.tests.waiting import PATIENCE


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ({"celery.backends.base.Backend", "celery.backends.base.DisabledBackend"}, "disabled"),
        ({"celery.backends.redis.RedisBackend", "celery.backends.redis.SentinelBackend"}, "sentinel"),
        ({"celery.backends.redis.RedisBackend"}, "redis"),
        ({"shop.Backend", "celery.backends.mongodb.MongoBackend"}, "other"),
    ],
)
def test_kinds_of_backends(names, kind):
    assert backend_kind(names) == kind


class Lazy:
    """An application whose backend waits for its database when it is made, as Celery's does from 5.5 on."""

    def __init__(self, backend):
        self.conf = SimpleNamespace(result_backend="db+postgresql://db.example.com/shop")
        self.made = backend

    @property
    def backend(self):
        assert self.conf.database_create_tables_at_setup is False
        return self.made


def test_look_at_a_database_makes_no_tables():
    backend = check_backend(Lazy(object()), {}, 1.0)
    assert (backend["layer"], backend["type"]) == ("unknown", "db+postgresql")


class Unmade:
    """An application whose backend cannot be made."""

    def __init__(self, setting, error):
        self.conf = SimpleNamespace(result_backend=setting)
        self.error = error

    @property
    def backend(self):
        raise self.error


class ImproperlyConfigured(Exception):
    """As Celery's."""


@pytest.mark.parametrize(
    ("setting", "error", "layer", "text"),
    [
        ("rediss://h/1", ValueError("must have parameter ssl_cert_reqs"), "setting", "ssl_cert_reqs"),
        ("django-db", ModuleNotFoundError("x", name="django-db"), "client", "package django-celery-results"),
        ("sentinel::h", ModuleNotFoundError("x", name="sentinel:"), "setting", "no result backend that Celery knows"),
        ("socket://h", ImproperlyConfigured("Did you spell that correctly?"), "setting", "spell"),
        ("mongodb://h", ImproperlyConfigured("You need to install the pymongo library"), "client", "pymongo"),
        (
            "db+mysql://h",
            ModuleNotFoundError("No module named 'sqlalchemy'", name="sqlalchemy"),
            "client",
            "sqlalchemy",
        ),
    ],
)
def test_backend_that_cannot_be_made_says_what_is_wrong(setting, error, layer, text):
    backend = check_backend(Unmade(setting, error), {}, 1.0)
    assert (backend["reachable"], backend["layer"]) == (False, layer)
    assert text in backend["error"]


def test_of_what_is_no_url_only_the_name_is_shown():
    backend = check_backend(Unmade("redis::hunter22@h", ModuleNotFoundError("x", name="redis:")), {}, 1.0)
    assert "hunter22" not in str(backend)
    assert backend["url"] == "redis"


def test_sentinel_that_answers_is_asked_first(server):
    master = server(b"+PONG\r\n")
    port = str(master.port)
    sentinel = server(b"+PONG\r\n", "*2\r\n$9\r\n127.0.0.1\r\n${0}\r\n{1}\r\n".format(len(port), port).encode())
    hosts = [{"host": "127.0.0.1", "port": free_port()}, {"host": "127.0.0.1", "port": sentinel.port}]
    backend = type("SentinelBackend", (), {"__module__": "celery.backends.redis"})()
    backend.connparams, backend._transport_options = {"hosts": hosts, "db": 0}, {"master_name": "mymaster"}
    backend.client = SimpleNamespace(ping=lambda: None)
    app = SimpleNamespace(conf=SimpleNamespace(result_backend="sentinel://h"), backend=backend)
    assert check_backend(app, {}, PATIENCE)["reachable"] is True
    assert backend.connparams["hosts"][0]["port"] == sentinel.port


@pytest.mark.parametrize(
    "url", ["redis://:hun/ter22@h:6379/0", "sentinel://:hunter22@h1:26379;sentinel://:hun#ter22@h2:26379"]
)
def test_of_a_url_that_cannot_be_read_nothing_is_shown(url):
    app = SimpleNamespace(conf=SimpleNamespace(result_backend=url))
    backend = check_backend(app, {}, 1.0)
    assert (backend["reachable"], backend["layer"]) == (False, "url")
    assert not any(part in str(backend) for part in ("hun", "ter22"))
