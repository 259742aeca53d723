# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Preflight: what celery_app_info found out on the host, judged."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._common.pools import GREENLETS
from ansible_collections.taskfleet.celery.plugins.module_utils._common.values import integer
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import (
    ENCODE,
    Problem,
    is_amqp,
    is_redis,
    refuse,
    some_of,
    warn,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.timeouts import VISIBILITY_TIMEOUT

# What to do about the layer that failed.
LAYERS = {
    "url": ("no host is found in its URL", ENCODE),
    "setting": (
        "Celery can do nothing with this setting",
        "correct {variable}, or the setting of the application that the message names",
    ),
    "dns": ("the host's name does not resolve", "correct the host's name in {variable}, or its DNS entry on this host"),
    "tcp": (
        "no TCP connection",
        "start the {peer}, open its port in the firewall, and check that it listens on this address",
    ),
    "tls": ("no TLS", "check the certificate, its authority and its name, or the scheme of {variable} (rediss, amqps)"),
    "auth": ("the login is refused", "correct user, password and virtual host in {variable}"),
    "protocol": (
        "it answers, but not as expected",
        "check that the port in {variable} is the {peer}'s, and whether it wants TLS",
    ),
    "client": (
        "the client library does not work",
        "add what the message names to celery_app_packages, in versions that fit",
    ),
}

# What a message means for the remedy, where the message alone does not say it.
HINTS = (
    ("ssl_cert_reqs", "append ?ssl_cert_reqs=required to the URL in {variable}: the certificate is checked"),
    ("master_name", "set master_name in the transport options of the application that the message names"),
    (
        "django-celery-results",
        "add django-celery-results to celery_app_packages, and django_celery_results to INSTALLED_APPS",
    ),
)

# What to do about what was refused after the login, by its kind.
AFTER_THE_LOGIN = {
    "permission": (
        "a user that may do what a worker does",
        "give the user of {variable} the right to what is named: {grant}",
    ),
    "arguments": (
        "the queue as RabbitMQ has it: the arguments of a queue cannot be changed",
        "declare it in the application's task_queues with the arguments that it has, or empty it and delete it on RabbitMQ",
    ),
    "transient": (
        "a RabbitMQ that takes queues which are neither durable nor exclusive, or a Celery that declares none: RabbitMQ 4.3"
        " and later takes none unless told to",
        "ask for celery>=5.7 in celery_app_packages, or set control_queue_exclusive and event_queue_exclusive to true in"
        " the application (Celery 5.6), or deprecated_features.permit.transient_nonexcl_queues = true in rabbitmq.conf",
    ),
    "other": (
        "a {peer} that does what a worker asks of it",
        "correct what the message says, and look into the {peer}'s log",
    ),
}
GRANT_REDIS = "ACL SETUSER <user> ~<key> &<channel> +<command> (all of them: ~* &* +@all)"
GRANT_RABBITMQ = (
    "rabbitmqctl set_permissions --vhost <vhost> <user> <configure> <write> <read> (all of them: '.*' '.*' '.*')"
)
REFERENCES = {
    "permission": "https://github.com/celery/celery/issues/8724",
    "arguments": "https://www.rabbitmq.com/docs/queues#property-equivalence",
    "transient": "https://github.com/celery/kombu/issues/2237",
}

PACKAGES = {
    "gevent": "gevent",
    "eventlet": "eventlet",
    "redbeat": "celery-redbeat",
    "django_celery_beat": "django-celery-beat",
    "flower": "flower",
}

FACTS: dict[str, Any] = {
    "info": {"type": "dict", "required": True},
    "timeouts": {"type": "dict", "default": {}},
    "instances": {"type": "list", "elements": "dict", "default": []},
    "pools": {"type": "list", "elements": "str", "default": []},
    "modules": {"type": "list", "elements": "str", "default": []},
}


def check_app_proof(facts: dict[str, Any]) -> list[Problem]:
    """Refuse an application that would not run on this host."""
    info = facts["info"]
    problems = _fit(info) + _import(info)
    for peer, key, variable in (
        ("broker", "broker", "celery_app_broker_url"),
        ("result backend", "result_backend", "celery_app_result_backend"),
    ):
        problems += _peer(peer, info.get(key) or {}, variable)
        problems += _refused(peer, info.get(key) or {}, (info.get("refused") or {}).get(key) or [], variable)
    problems += _modules(info, facts) + _visibility(info, "celery_app_timeouts", facts["timeouts"])
    for instance in facts["instances"]:
        where = f"celery_worker_instances[{instance['name']}]"
        problems += _instance(info, where, instance)
        problems += _remote_control(info, where, instance)
    return problems + _heartbeat(info)


def _instance(info: dict[str, Any], where: str, instance: dict[str, Any]) -> list[Problem]:
    """An instance's own limits are below `visibility_timeout`, and its soft shutdown is one that this Celery knows."""
    own = instance.get("timeouts") is not None
    problems = _visibility(info, f"{where}.timeouts", instance["limits"]) if own else []
    celery = str((info.get("versions") or {}).get("celery") or "")
    version = re.match(r"(\d+)\.(\d+)", celery)
    if "soft_shutdown" not in instance["limits"] or not version or (int(version[1]), int(version[2])) >= (5, 5):
        return problems
    return [
        *problems,
        refuse(
            f"{where}.soft_shutdown_timeout",
            f"set, with Celery {celery}",
            "Celery 5.5 or later: an earlier one knows no soft shutdown, and cancels its tasks on QUIT at once",
            "take soft_shutdown_timeout out, or ask for celery>=5.5 in celery_app_packages",
            "https://docs.celeryq.dev/en/stable/userguide/workers.html#soft-shutdown",
        ),
    ]


def _remote_control(info: dict[str, Any], where: str, instance: dict[str, Any]) -> list[Problem]:
    """An instance of an application that switches remote control off says so."""
    enabled = (info.get("conf") or {}).get("worker_enable_remote_control", True)
    if enabled or not instance.get("remote_control", True):
        return []
    return [
        warn(
            f"{where}.remote_control",
            f"true, and the application sets worker_enable_remote_control to {enabled}",
            "false: its silence is no fault then, and its sentinel proves that it works",
            "set remote_control to false, or leave worker_enable_remote_control on in the application",
        )
    ]


def _import(info: dict[str, Any]) -> list[Problem]:
    """The application imports in its virtual environment, as its user."""
    app = info.get("app") or {}
    if app.get("imported"):
        return []
    return [
        refuse(
            "celery_app_module",
            f"{app.get('name')}: {app.get('error') or app.get('error_line') or 'it does not import, and gives no reason'}",
            "a module that imports in the application's virtual environment, as its user",
            "install what the message names (celery_app_packages), or correct celery_app_module,"
            " celery_app_source or celery_app_environment",
        )
    ]


def _fit(info: dict[str, Any]) -> list[Problem]:
    """Celery, kombu, Python and the broker's client fit each other; where the login works, the client's version is a warning."""
    fit = info.get("fit") or {}
    if fit.get("ok", True):
        return []
    versions = info.get("versions") or {}
    shown = ", ".join(f"{name} {versions[name]}" for name in sorted(versions) if versions[name])
    works = fit.get("only_client") and (info.get("broker") or {}).get("reachable")
    return [
        (warn if works else refuse)(
            "celery_app_packages",
            f"{fit.get('problem')} (installed: {shown or 'unknown'}){'; the login works all the same' if works else ''}",
            "celery, kombu and the broker's client library of one line of releases",
            fit.get("remedy") or "pin them together in celery_app_packages, or take the newest of each",
            "https://github.com/celery/kombu/issues/2374" if works else "",
        )
    ]


def _peer(name: str, peer: dict[str, Any], variable: str) -> list[Problem]:
    """Broker and result backend answer the application's user; a refusal names the layer that does not work."""
    # None stands for: there is none, or no check knows its type.
    if peer.get("reachable") is not False:
        return []
    layer = str(peer.get("layer") or "unknown")
    what, remedy = LAYERS.get(layer, ("it does not answer", "check {variable} and the {peer}"))
    error = str(peer.get("error") or "no reason given")
    remedy = next((hint for word, hint in HINTS if word in error), remedy)
    return [
        refuse(
            variable,
            f"{name} {peer.get('url') or '(no URL)'}: {what} (layer {layer}): {error}",
            f"a {name} that answers from this host, to the application's user",
            remedy.format(variable=variable, peer=name),
        )
    ]


def _refused(name: str, peer: dict[str, Any], refused: list[dict[str, str]], variable: str) -> list[Problem]:
    """Broker and result backend let the user do what a worker does after its login: rights, arguments of queues, mailboxes."""
    grant = GRANT_RABBITMQ if is_amqp(peer.get("url")) else GRANT_REDIS
    problems = []
    for kind, (expected, remedy) in AFTER_THE_LOGIN.items():
        those = sorted((one for one in refused if one["kind"] == kind), key=lambda one: one["what"])
        if those:
            problems.append(
                refuse(
                    variable,
                    f"{name} {peer.get('url')}: the login works, and it refuses {some_of(one['what'] for one in those)}:"
                    f" {those[0]['error']}",
                    expected.format(peer=name),
                    remedy.format(variable=variable, peer=name, grant=grant),
                    REFERENCES.get(kind, ""),
                )
            )
    return problems


def _modules(info: dict[str, Any], facts: dict[str, Any]) -> list[Problem]:
    """What a pool or a scheduler needs is in the virtual environment, and imports."""
    found = info.get("modules") or {}
    imported = (info.get("app") or {}).get("imported")
    wanted = {pool: f"the pool {pool}" for pool in facts["pools"] if pool in GREENLETS}
    wanted.update({module: f"the module {module}" for module in facts["modules"]})
    problems = []
    for module in sorted(wanted):
        # Where the application does not import, nothing was looked for.
        if found.get(module) or (module not in found and not imported):
            continue
        package = PACKAGES.get(module, module)
        error = (info.get("module_errors") or {}).get(module)
        problems.append(
            refuse(
                "celery_app_packages",
                f"{wanted[module]} is asked for, and {module} is"
                + (f" installed, but does not import: {error}" if error else " not in the virtual environment"),
                f"{package} in the virtual environment" + (", in a version that imports" if error else ""),
                f"pin {package}, and what the message names, in versions that fit each other"
                if error
                else f"celery_app_packages: [{package}], in addition to what it has",
            )
        )
    return problems


def _visibility(info: dict[str, Any], variable: str, limits: dict[str, Any]) -> list[Problem]:
    """On Redis, the hard limit is below the application's own `visibility_timeout`."""
    own = bool(limits) and "hard" not in limits
    hard = integer((info.get("conf") or {}).get("task_time_limit") if own else limits.get("hard"))
    visibility = integer((info.get("conf") or {}).get("visibility_timeout")) or VISIBILITY_TIMEOUT
    if hard is None or not is_redis((info.get("broker") or {}).get("url")) or hard < visibility:
        return []
    return [
        refuse(
            variable if own else f"{variable}.hard",
            f"{'none, and the application has task_time_limit' if own else 'hard'} {hard} s,"
            f" the application's visibility_timeout {visibility} s",
            "hard < visibility_timeout: later, Redis gives a running task to a second worker",
            f"raise visibility_timeout in the application's broker_transport_options above {hard} s, or lower"
            f" {'task_time_limit' if own else 'hard'}",
            "https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html#visibility-timeout",
        )
    ]


def _heartbeat(info: dict[str, Any]) -> list[Problem]:
    """The application leaves heartbeats on for RabbitMQ."""
    heartbeat = (info.get("conf") or {}).get("broker_heartbeat", "unknown")
    if not is_amqp((info.get("broker") or {}).get("url")) or heartbeat not in (0, None):
        return []
    return [
        warn(
            "celery_app_module",
            f"the application sets broker_heartbeat to {heartbeat}",
            "heartbeats on every connection to RabbitMQ: without them, a path that is lost leaves a worker up and idle, and"
            " RabbitMQ holds its mailbox for the dead connection, so that a restart fails with RESOURCE_LOCKED",
            "take broker_heartbeat out of the application's settings (Celery's own is 120 s)",
            "https://docs.celeryq.dev/en/stable/userguide/configuration.html#broker-heartbeat",
        )
    ]
