# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory declares of whole applications: their instances, queues, beat and Flower. Pure.

Private to the collection.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._common.values import TYPES, value_in_words
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import instances
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.limits import resolve
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.services import flower_url

# What is read of a host: by name its types, and what a host has that says nothing.
VARIABLES = {
    "celery_app_name": (str, None),
    "celery_app_service_manager": (str, "systemd"),
    "celery_app_timeouts": ((str, dict), "default"),
    "celery_worker_instances": ((list, tuple), ()),
    "celery_worker_defaults": (dict, {}),
    "celery_health_start_grace": ((int, float, str), None),
    "celery_beat_state": (str, "started"),
    "celery_flower_state": (str, "started"),
    "celery_flower_address": (str, "127.0.0.1"),
    "celery_flower_port": ((int, str), 5555),
    "celery_flower_url_prefix": (str, ""),
    "celery_flower_extra_options": (dict, {}),
}


class DeclarationError(ValueError):
    """What a host declares cannot be read: the host, the variable, what it is and what was expected."""


def applications(hosts, places, app=None):
    """Return by name what is declared of each application.

    :param dict hosts: by host a dict of VARIABLES; what is left out has its default.
    :param dict places: the hosts of ``workers``, of ``beat`` and of ``flower``.
    :param str app: the application of a host that names none.
    :returns: ``{name: {instances, names, nodes, queues, beat, flower, flower_urls}}``; ``names`` are by host the names of
        its instances, ``nodes`` those that they answer to, ``queues`` those that any of them consumes, ``beat`` and
        ``flower`` the hosts where they shall run, ``flower_urls`` by host where Flower is asked on it.
    :raises DeclarationError: a variable of a host is of another type than VARIABLES says, or no set of timeouts.
    """
    found = {}
    for host, variables in hosts.items():
        has = {name: _value(host, name, variables) for name in VARIABLES}
        name = has["celery_app_name"] or app
        if not name:
            continue
        one = found.setdefault(name, {"instances": [], "names": {}, "beat": [], "flower": [], "flower_urls": {}})
        if host in places["workers"]:
            declared = _instances(has, host, name)
            one["instances"] += declared
            one["names"][host] = [instance["name"] for instance in declared]
        for kind in ("beat", "flower"):
            if host in places[kind] and has["celery_{0}_state".format(kind)] == "started":
                one[kind].append(host)
        if host in one["flower"]:
            one["flower_urls"][host] = _flower_url(has)
    for one in found.values():
        one["nodes"] = [node["node"] for node in one["instances"]]
        one["queues"] = sorted({queue for node in one["instances"] for queue in _names(node["queues"])})
    return found


def _value(host, name, variables):
    kinds, default = VARIABLES[name]
    value = variables.get(name, default)
    if value is not default and not isinstance(value, kinds):
        named = kinds if isinstance(kinds, tuple) else (kinds,)
        wanted = [words for types, words in TYPES if any(issubclass(kind, types) for kind in named)]
        raise _error(name, host, value, " or ".join(wanted))
    return value


def _error(name, host, value, expected):
    return DeclarationError("{0} of host {1} is {2}; expected {3}".format(name, host, value_in_words(value), expected))


def _names(queues):
    return [queue for queue in queues if isinstance(queue, str)] if isinstance(queues, list) else []


def _flower_url(has):
    arguments = (has["celery_flower_" + name] for name in ("address", "port", "url_prefix", "extra_options"))
    return flower_url(*arguments)


def _limits(has, host):
    try:
        return resolve(has["celery_app_timeouts"])
    except ValueError as error:
        raise DeclarationError("celery_app_timeouts of host {0} is {1}".format(host, error)) from None


def _instances(has, host, app):
    declared = instances(
        has["celery_worker_instances"],
        host,
        app=app,
        manager=has["celery_app_service_manager"],
        defaults=has["celery_worker_defaults"],
        limits=_limits(has, host),
        start_grace=has["celery_health_start_grace"],
    )
    for position, one in enumerate(declared):
        if not isinstance(one, dict):
            raise _error("celery_worker_instances[{0}]".format(position), host, one, "a dict")
    return declared
