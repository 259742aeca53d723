# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the application's result backend answers. Runs inside the application's Python. Private to the collection."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import (
    DEFAULT_PORTS,
    Clock,
    answer,
    ask,
    bounded,
    check_memcached,
    check_redis,
    check_sqlite,
    connect,
    sentence,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import MASK, mask
from ansible_collections.taskfleet.celery.plugins.module_utils._common.urls import UNREADABLE, is_readable


def backend_kind(names):
    """Return which check fits, from the dotted names of a backend's classes."""
    known = (
        ("celery.backends.base.DisabledBackend", "disabled"),
        ("celery.backends.rpc.RPCBackend", "rpc"),
        ("celery.backends.redis.SentinelBackend", "sentinel"),
        ("celery.backends.redis.RedisBackend", "redis"),
        ("celery.backends.database.DatabaseBackend", "database"),
        ("django_celery_results.backends.database.DatabaseBackend", "django"),
        ("celery.backends.cache.CacheBackend", "cache"),
        ("celery.backends.filesystem.FilesystemBackend", "file"),
    )
    return next((kind for name, kind in known if name in names), "other")


def check_backend(app, broker, seconds):
    """Return url, type, reachable, layer and error of the application's result backend."""
    setting = app.conf.result_backend
    text = setting if isinstance(setting, str) else type(setting).__name__ if setting else "disabled"
    result = {"url": mask(text), "type": text.partition("://")[0]}
    if not is_readable(text, is_list=result["type"] == "sentinel"):
        return dict(result, url=result["type"] + "://" + MASK, **answer(False, "url", UNREADABLE))
    # From Celery 5.5 on, a database backend otherwise waits here for its database, to make its tables.
    app.conf.database_create_tables_at_setup = False
    try:
        backend = app.backend
        kind = backend_kind({"{0.__module__}.{0.__name__}".format(cls) for cls in type(backend).__mro__})
    except Exception as error:
        return dict(result, **answer(False, "client", sentence(error)))
    if kind == "disabled":
        return dict(result, type="disabled", **answer(None, "none"))
    if kind == "rpc":
        return dict(result, reachable=broker["reachable"], layer=broker["layer"], error=broker["error"])
    clock = Clock(seconds)
    checks = {
        "redis": lambda: _backend_redis(backend, clock),
        "sentinel": lambda: bounded(backend.client.ping, clock.left(), "protocol", "result backend"),
        "database": lambda: _backend_database(backend, seconds),
        "django": lambda: _backend_django(clock),
        "cache": lambda: _backend_cache(backend, clock),
        "file": lambda: check_sqlite(os.path.join(os.fsdecode(backend.path), "probe")),
    }
    if kind in checks:
        return dict(result, **ask([checks[kind]]))
    return dict(result, **_backend_other(text, clock))


def _backend_redis(backend, clock):
    parameters = backend.connparams
    tls = None
    if "SSL" in getattr(parameters.get("connection_class"), "__name__", ""):
        tls = {name: value for name, value in parameters.items() if name.startswith("ssl_") and value is not None}
    check_redis(
        parameters.get("host") or "localhost",
        parameters.get("port") or DEFAULT_PORTS["redis"],
        clock,
        parameters.get("username"),
        parameters.get("password"),
        parameters.get("db"),
        tls,
        parameters.get("path"),
    )
    bounded(backend.client.ping, clock.left(), "protocol", "result backend")


def _backend_database(backend, seconds):
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    url = sqlalchemy.engine.make_url(backend.url)
    family = url.drivername.partition("+")[0]
    if family == "sqlite":
        check_sqlite(url.database)
        return
    arguments = dict(backend.engine_options or {}).get("connect_args", {})
    engine = sqlalchemy.create_engine(url, poolclass=NullPool, connect_args=arguments)
    # What was imported until here, the driver at the latest, is not the database's time.
    clock = Clock(seconds)
    if url.host:
        port = url.port or {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "oracle": 1521}[family]
        connect(url.host, port, clock).close()
    bounded(lambda: engine.connect().close(), clock.left(), "protocol", "database")


def _backend_django(clock):
    from django.db import connections

    settings = connections["default"].settings_dict
    if settings["ENGINE"].endswith("sqlite3"):
        check_sqlite(str(settings["NAME"]))
        return
    if settings.get("HOST") and settings.get("PORT"):
        connect(settings["HOST"], int(settings["PORT"]), clock).close()

    def ensure():
        # Django keeps its connections by thread.
        connections["default"].ensure_connection()

    bounded(ensure, clock.left(), "protocol", "database")


def _backend_cache(backend, clock):
    if backend.backend == "memory":
        return
    for server in backend.servers:
        host, _colon, port = server.strip("/").rpartition(":")
        check_memcached(host or server.strip("/"), int(port) if host else 11211, clock)


def _backend_other(text, clock):
    parts = urlsplit(text.partition("+")[2] if "+" in text.partition("://")[0] else text)
    if parts.hostname and parts.port:
        tried = ask([lambda: connect(parts.hostname, parts.port, clock).close()])
        if not tried["reachable"]:
            return tried
        return answer(None, "unknown", "TCP answers; a result backend of this type is not checked further")
    return answer(None, "unknown", "a result backend of this type is not checked")
