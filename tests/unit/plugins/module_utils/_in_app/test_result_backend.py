# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.backend import backend_kind, check_backend


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


@pytest.mark.parametrize(
    "url", ["redis://:hun/ter22@h:6379/0", "sentinel://:hunter22@h1:26379;sentinel://:hun#ter22@h2:26379"]
)
def test_of_a_url_that_cannot_be_read_nothing_is_shown(url):
    app = SimpleNamespace(conf=SimpleNamespace(result_backend=url))
    backend = check_backend(app, {}, 1.0)
    assert (backend["reachable"], backend["layer"]) == (False, "url")
    assert not any(part in str(backend) for part in ("hun", "ter22"))
