# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory declares of whole applications: their instances, queues, beat and Flower. Pure.

Private to the collection.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import instances
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.timeouts import resolve
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.services import flower_url

# What is read of a host, with what a host has that says nothing.
VARIABLES = {
    "celery_app_name": None,
    "celery_app_service_manager": "systemd",
    "celery_app_timeouts": "default",
    "celery_worker_instances": (),
    "celery_worker_defaults": {},
    "celery_health_start_grace": None,
    "celery_beat_state": "started",
    "celery_flower_state": "started",
    "celery_flower_address": "127.0.0.1",
    "celery_flower_port": 5555,
    "celery_flower_url_prefix": "",
    "celery_flower_extra_options": {},
}


def applications(hosts, places, app=None):
    """Return by name what is declared of each application.

    :param dict hosts: by host a dict of VARIABLES; what is left out has its default.
    :param dict places: the hosts of ``workers``, of ``beat`` and of ``flower``.
    :param str app: the application of a host that names none.
    :returns: ``{name: {instances, nodes, queues, beat, flower, flower_urls}}``; ``nodes`` are the names of the instances,
        ``queues`` those that any of them consumes, ``beat`` and ``flower`` the hosts where they shall run, ``flower_urls``
        by host where Flower is asked on it.
    """
    told = {}
    for host, variables in hosts.items():
        has = {name: variables.get(name, default) for name, default in VARIABLES.items()}
        name = has["celery_app_name"] or app
        if not name:
            continue
        one = told.setdefault(name, {"instances": [], "beat": [], "flower": [], "flower_urls": {}})
        if host in places["workers"]:
            one["instances"] += _instances(has, host, name)
        for kind in ("beat", "flower"):
            if host in places[kind] and has["celery_{0}_state".format(kind)] == "started":
                one[kind].append(host)
        if host in one["flower"]:
            one["flower_urls"][host] = _flower_url(has)
    for one in told.values():
        one["nodes"] = [node["node"] for node in one["instances"]]
        one["queues"] = sorted({queue for node in one["instances"] for queue in node["queues"]})
    return told


def _flower_url(has):
    arguments = (has["celery_flower_" + name] for name in ("address", "port", "url_prefix", "extra_options"))
    return flower_url(*arguments)


def _instances(has, host, app):
    declared = instances(
        has["celery_worker_instances"],
        host,
        app=app,
        manager=has["celery_app_service_manager"],
        defaults=has["celery_worker_defaults"],
        limits=resolve(has["celery_app_timeouts"]),
        start_grace=has["celery_health_start_grace"],
    )
    return [one for one in declared if isinstance(one, dict)] if isinstance(declared, list) else []
