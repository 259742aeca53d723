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
    layer_of,
    master_of,
    sentence,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import MASK, mask
from ansible_collections.taskfleet.celery.plugins.module_utils._common.urls import UNREADABLE, is_readable

# Of backends that are no part of Celery, the package that they come from.
PACKAGES = {"django-db": "django-celery-results", "django-cache": "django-celery-results"}


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
    # Of what is no URL, nobody knows what may be shown.
    result = {"url": mask(text) if "://" in text else text.partition(":")[0], "type": text.partition(":")[0]}
    if not is_readable(text, is_list=result["type"] == "sentinel"):
        return dict(result, url=result["type"] + "://" + MASK, **answer(False, "url", UNREADABLE))
    # From Celery 5.5 on, a database backend otherwise waits here for its database, to make its tables.
    app.conf.database_create_tables_at_setup = False
    try:
        backend = app.backend
        kind = backend_kind({"{0.__module__}.{0.__name__}".format(cls) for cls in type(backend).__mro__})
    except Exception as error:
        return dict(result, **_unusable(result["type"], error))
    if kind == "disabled":
        return dict(result, type="disabled", **answer(None, "none"))
    if kind == "rpc":
        return dict(result, reachable=broker["reachable"], layer=broker["layer"], error=broker["error"])
    clock = Clock(seconds)
    checks = {
        "redis": lambda: _backend_redis(backend, clock),
        "sentinel": lambda: _backend_sentinel(backend, clock),
        "database": lambda: _backend_database(backend, seconds),
        "django": lambda: _backend_django(clock),
        "cache": lambda: _backend_cache(backend, clock),
        "file": lambda: check_sqlite(os.path.join(os.fsdecode(backend.path), "probe")),
    }
    if kind in checks:
        return dict(result, **ask([checks[kind]]))
    return dict(result, **_backend_other(text, clock))


def _unusable(name, error):
    """Return the answer of a result backend that cannot even be made."""
    missing = getattr(error, "name", None) if isinstance(error, ImportError) else None
    if name in PACKAGES and missing == name:
        text = "the result backend {0} comes from the package {1}, which is not installed"
        return answer(False, "client", text.format(name, PACKAGES[name]))
    # Celery takes a name that it does not know for a module's.
    if missing and missing.rstrip(":") == name:
        text = "{0} is no result backend that Celery knows; expected a URL as redis://host:6379/1, or the name of one"
        return answer(False, "setting", text.format(name))
    spelling = type(error).__name__ == "ImproperlyConfigured" and "install" not in str(error)
    is_setting = spelling or layer_of(error) == "setting"
    return answer(False, "setting" if is_setting else "client", sentence(error))


def _backend_sentinel(backend, clock):
    options, parameters = backend._transport_options, backend.connparams
    given = options.get("sentinel_kwargs") or {}
    if "connection_class" not in given:
        hosts = {(one.get("host") or "localhost", one.get("port")): one for one in parameters["hosts"]}
        setting = "the application's result_backend_transport_options"
        sentinel, (host, port) = master_of(hosts, options.get("master_name"), clock, setting, given)
        # redis-py asks one that is gone again and again, before it asks the next.
        parameters["hosts"].sort(key=lambda one: one is not hosts[sentinel])
        _check_redis_of(dict(parameters, host=host, port=port), clock)
    bounded(backend.client.ping, clock.left(), "protocol", "result backend")


def _backend_redis(backend, clock):
    _check_redis_of(backend.connparams, clock)
    bounded(backend.client.ping, clock.left(), "protocol", "result backend")


def _check_redis_of(parameters, clock):
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
