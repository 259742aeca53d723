# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The services of an application, in the form that the role celery_service takes. Pure. Private to the collection."""

from __future__ import annotations

import posixpath

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import (
    service_name,
    start_timeout,
    start_wait,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.limits import limit_environment
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.worker_command import worker_argv

# Without it, setproctitle writes over the environment that the service module reads back.
KEEP_ENVIRONMENT = {"SPT_NOENV": "1"}

# Seconds that the listener of the healthchecks may take to end.
LISTENER_STOP = 10


def worker_services(
    declared, environments, app, module, celery, settings, watchdog, sentinel=None, timer=False, listener=""
):
    """Return a service for each instance, and for the listener of their healthchecks where there is one.

    :param list declared: instances, as ``instance`` returns them.
    :param dict environments: by name the environment of an instance.
    :param str app: ``celery_app_name``.
    :param str module: what ``celery -A`` gets.
    :param list celery: how Celery is started, as ``celery_argv`` returns it.
    :param dict settings: ``celery_worker_settings``.
    :param int watchdog: seconds of silence until systemd restarts a worker with a sentinel.
    :param dict sentinel: what ``_sentinel`` takes, or None for none.
    :param bool timer: whether a timer of systemd checks each worker.
    :param str listener: path of supervisor's listener, or ''.
    """
    services = [
        {
            "kind": "worker",
            "instance": one["name"],
            "description": "Celery worker {0} of {1}".format(one["name"], app),
            "argv": worker_argv(one, celery, module, settings, "taskfleet_sentinel" if sentinel else ""),
            "environment": _worker_environment(one, environments.get(one["name"]) or {}, sentinel),
            "state": one["state"],
            "start_grace": one["start_grace"],
            "stop_timeout": one["limits"]["stop"],
            "memory_max": one["memory_max"],
            "memory_high": one["memory_high"],
            "watchdog": watchdog if sentinel else "",
            "wants": [service_name(app, "worker-health", one["name"]) + ".timer"] if timer else [],
        }
        for one in declared
    ]
    return services + ([_listener(app, listener)] if listener and declared else [])


def _listener(app, path):
    return {
        "kind": "worker-health",
        "instance": "",
        "description": "Healthcheck of the Celery workers of {0}".format(app),
        "argv": ["/usr/bin/env", "python3", path],
        "environment": {},
        "events": "TICK_5",
        "stop_timeout": LISTENER_STOP,
    }


def _worker_environment(one, own, sentinel):
    # Those of the application are in the environment of all its processes.
    limits = limit_environment(one["limits"]) if one["timeouts"] is not None else {}
    environment = dict(KEEP_ENVIRONMENT, **limits, **own)
    if sentinel:
        environment.update(
            _sentinel(own, "worker-{0}.heartbeat.json".format(one["name"]), one["start_grace"], **sentinel)
        )
    return environment


def _sentinel(own, heartbeat, start_grace, run_dir, directory, digest, pythonpath):
    """Return the settings of a process with a sentinel.

    :param dict own: the environment of the process without it.
    :param str heartbeat: name of its heartbeat file in ``run_dir``.
    :param int start_grace: seconds that the start may take.
    :param str directory: where the sentinel's file lies.
    :param str digest: of that file, so that another sentinel is a changed service.
    :param str pythonpath: that of the application, which its own environment replaces.
    """
    return {
        "TASKFLEET_HEARTBEAT": posixpath.join(run_dir, heartbeat),
        "TASKFLEET_SENTINEL": digest,
        "TASKFLEET_START_GRACE": str(start_grace),
        "PYTHONPATH": ":".join(filter(None, [own.get("PYTHONPATH", pythonpath), directory])),
    }


def beat_environment(own, scheduler, start_grace, redbeat_redis_url="", sentinel=None):
    """Return the environment of beat: its sentinel wraps the scheduler that is named there."""
    environment = dict(KEEP_ENVIRONMENT)
    if redbeat_redis_url:
        environment["REDBEAT_REDIS_URL"] = redbeat_redis_url
    environment.update(own)
    if sentinel:
        environment.update(_sentinel(own, "beat.heartbeat.json", start_grace, **sentinel))
        environment["TASKFLEET_BEAT_SCHEDULER"] = scheduler
    return environment


def flower_url(address, port, url_prefix, extra_options):
    """Return where Flower is asked on its own host. An address that means all of them is no address to connect to."""
    scheme = "https" if "certfile" in extra_options else "http"
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(address, address)
    if ":" in host and not host.startswith("["):
        host = "[{0}]".format(host)
    prefix = url_prefix.strip("/")
    return "{0}://{1}:{2}/{3}".format(scheme, host, port, prefix + "/" if prefix else "")


def flower_environment(options, own, package):
    """Return the environment of Flower.

    Every option goes there: a command line is everybody's to read. The package is part of it, so that a Flower of
    another version is a changed service.
    """
    environment = dict(KEEP_ENVIRONMENT, TASKFLEET_PACKAGE=package)
    environment.update(("FLOWER_" + option.upper(), _flower_text(value)) for option, value in options.items())
    return dict(environment, **own)


def _flower_text(value):
    if isinstance(value, (list, tuple)):
        return ",".join(str(one) for one in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def named_services(services, app, manager, log_dir, log_target, least_start_timeout):
    """Return the services with their names, the names of their files, and the seconds that their start may take.

    ``log_file`` is where a service writes to where it writes to a file, ``created_log`` that file where it has to be
    there before the service starts, as with the ``log_target`` file, or None. ``start_wait`` are the seconds that a deployment
    waits for its start. ``heartbeat`` is where its sentinel says
    that it is ready, or None.
    """
    return [_named(service, app, manager, log_dir, log_target, least_start_timeout) for service in services]


def _named(service, app, manager, log_dir, log_target, least_start_timeout):
    grace, environment = service.get("start_grace"), service.get("environment") or {}
    file = "-".join(filter(None, [service["kind"], service.get("instance")]))
    log_file = posixpath.join(log_dir, file + ".log")
    return dict(
        service,
        name=service_name(app, service["kind"], service.get("instance") or "", manager),
        environment_name=file + ".env",
        log_file=log_file,
        created_log=log_file if log_target == "file" else None,
        start_timeout=max(start_timeout(grace) if grace else 0, least_start_timeout),
        start_wait=max(start_wait(grace) if grace else 0, least_start_timeout),
        heartbeat=environment.get("TASKFLEET_HEARTBEAT"),
    )
