# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Preflight: the worker instances of one host."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._common.pools import (
    IN_LOOP,
    PARTLY_LIMITED,
    POOLS,
    SCALABLE,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._common.urls import hosts_of, is_readable
from ansible_collections.taskfleet.celery.plugins.module_utils._common.values import integer, value_in_words
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import (
    NUMBERS,
    SWITCHES,
    autoscale_bounds,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import instances as typed
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.app import RESERVED_ENVIRONMENT
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.celery_command import command_problems
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import (
    Problem,
    environment_problems,
    is_loopback,
    listing,
    refuse,
    warn,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.timeouts import FACTS as LIMIT_FACTS
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.timeouts import limit_problems

LOGLEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "FATAL")

STATES = ("started", "stopped")

# Options of celery worker that have a key of their own, or that the collection sets.
OPTION_KEYS = {
    "-n": "name",
    "--hostname": "name",
    "-Q": "queues",
    "--queues": "queues",
    "-c": "concurrency",
    "--concurrency": "concurrency",
    "-P": "pool",
    "--pool": "pool",
    "--autoscale": "autoscale",
    "--prefetch-multiplier": "prefetch_multiplier",
    "--max-tasks-per-child": "max_tasks_per_child",
    "--max-memory-per-child": "max_memory_per_child",
    "-l": "loglevel",
    "--loglevel": "loglevel",
    "--without-gossip": "without_gossip",
    "--without-mingle": "without_mingle",
    "--without-heartbeat": "without_heartbeat",
    "--time-limit": "timeouts",
    "--soft-time-limit": "timeouts",
}

OPTION_VARIABLES = {
    "-A": "celery_app_module",
    "--app": "celery_app_module",
    "-b": "celery_app_broker_url",
    "--broker": "celery_app_broker_url",
    "--result-backend": "celery_app_result_backend",
    "--workdir": "celery_app_source_dir",
    "--uid": "celery_app_user",
    "--gid": "celery_app_group",
    "-f": "celery_app_log_target",
    "--logfile": "celery_app_log_target",
}

# The service manager keeps the process in the foreground and knows its pid.
OPTIONS_OF_A_DAEMON = ("-D", "--detach", "--pidfile", "--umask")

OPTIONS_OF_BEAT = ("-B", "--beat", "-s", "--schedule", "--schedule-filename", "--scheduler")

AUTOSCALE_ISSUE = "https://github.com/celery/celery/issues/4185"
SAME_NAME = "https://github.com/celery/celery/issues/2045"
TWO_BEATS = "https://github.com/celery/django-celery-beat/issues/229"
CONCURRENCY_GUIDE = "https://docs.celeryq.dev/en/stable/userguide/concurrency/index.html"
WORKER_GUIDE = "https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits"
SOFT_SHUTDOWN = "https://docs.celeryq.dev/en/stable/userguide/workers.html#soft-shutdown"

SIZE_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}

FACTS: dict[str, Any] = {
    "variable": {"type": "str", "default": "celery_worker_instances"},
    "instances": {"type": "raw", "required": True},
    "defaults": {"type": "raw", "default": {}},
    "environments": {"type": "dict", "default": {}, "no_log": True},
    "inventory_hostname": {"type": "str", "required": True},
    "broker_url": {"type": "str", "default": "", "no_log": True},
    "timeouts": {"type": "raw", "default": "default"},
    "has_sentinel": {"type": "bool", "default": True},
    "is_verified": {"type": "bool", "default": True},
    "probe": {"type": "str", "default": "sentinel"},
    **{name: LIMIT_FACTS[name] for name in ("min_gap", "visibility_timeout")},
}


def check_instances(facts: dict[str, Any]) -> list[Problem]:
    """Refuse instances that Celery would not start, or would start as something else."""
    variable = facts["variable"]
    instances = typed(facts["instances"], facts["inventory_hostname"], limits=facts["timeouts"])
    wrong = _no_instances(variable, instances) + _defaults(facts["defaults"])
    if wrong:
        return wrong
    problems = _names(variable, instances, facts["inventory_hostname"])
    problems += _host(instances, facts["inventory_hostname"], facts["broker_url"])
    for position, instance in enumerate(instances):
        where = f"{variable}[{instance.get('name') or position}]"
        for rule in RULES:
            problems += rule(where, instance)
        problems += _limits(where, instance, facts)
        problems += _unasked(f"{where}.remote_control", instance, facts)
        environment = facts["environments"].get(str(instance.get("name") or ""))
        problems += environment_problems(f"{where}.environment", environment, RESERVED_ENVIRONMENT)
        problems += command_problems(f"{where}.environment", environment)
    return problems + _time_limits(variable, instances)


def _unasked(where: str, instance: dict[str, Any], facts: dict[str, Any]) -> list[Problem]:
    """An instance without remote control has a sentinel, which proves that it works, and no healthcheck that asks it."""
    if instance.get("remote_control") is not False or instance.get("state") == "stopped":
        return []
    if facts["is_verified"] and not facts["has_sentinel"]:
        return [
            refuse(
                where,
                "false, and celery_worker_sentinel is false",
                "a sentinel for a worker that answers no question: nothing else proves after a deployment that it works",
                "set celery_worker_sentinel to true, or leave worker_enable_remote_control on",
            )
        ]
    if facts["probe"] != "ping":
        return []
    return [
        warn(
            where,
            "false, and the healthcheck is a ping",
            "a healthcheck by the sentinel: a ping never answers, and the worker counts as unhealthy for ever",
            "set method in celery_worker_healthcheck to sentinel, or celery_worker_healthcheck_enabled to false",
        )
    ]


def _no_instances(variable: str, instances: Any) -> list[Problem]:
    """`celery_worker_instances` is a list of dicts."""
    remedy = "write one entry for each worker, for example {name: w1, queues: [default]}"
    if not isinstance(instances, (list, tuple)):
        return [refuse(variable, value_in_words(instances), "a list of dicts", remedy)]
    return [
        refuse(f"{variable}[{position}]", value_in_words(instance), "a dict", remedy)
        for position, instance in enumerate(instances)
        if not isinstance(instance, dict)
    ]


def _defaults(defaults: Any) -> list[Problem]:
    """`celery_worker_defaults` is a dict."""
    if isinstance(defaults, dict):
        return []
    return [
        refuse(
            "celery_worker_defaults",
            value_in_words(defaults),
            "a dict of keys that instances have",
            "write it as a dict, for example {prefetch_multiplier: 1}, or take it out",
        )
    ]


def memory_bytes(size: Any) -> int | None:
    """Return the bytes of a size as systemd reads it: 1073741824, 512M, 2G. None if it is none."""
    match = re.match(r"(\d+)([KMGT]?)\Z", str(size).strip())
    if not match or int(match.group(1)) < 1:
        return None
    return int(match.group(1)) * SIZE_UNITS[match.group(2)]


def _names(variable: str, instances: Any, host: str) -> list[Problem]:
    """The names of instances are part of nodes and units, and unique on their host."""
    problems = []
    names = [str(instance.get("name") or "") for instance in instances]
    for position, name in enumerate(names):
        if not re.match(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z", name):
            problems.append(
                refuse(
                    f"{variable}[{position}].name",
                    repr(name),
                    "letters, digits, _ or -, no _ or - first",
                    f"name the instance, for example w{position + 1}: the node is called <name>@{host}",
                )
            )
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        problems.append(
            refuse(
                variable,
                f"{names.count(name)} instances are called {name}: the node {name}@{host} would exist more than once",
                "names that are unique on a host",
                "rename one: nodes of one name answer for each other, and no remote command reaches just one of them",
                SAME_NAME,
            )
        )
    return problems


def _host(instances: Any, host: str, broker_url: str) -> list[Problem]:
    """A host is not called localhost in the inventory while its broker is elsewhere: all such hosts have the same
    nodes.
    """
    brokers = hosts_of(broker_url) if is_readable(broker_url, is_list=True) else []
    remote = [broker for broker in brokers if broker and not is_loopback(broker)]
    if not instances or not remote or not is_loopback(host):
        return []
    return [
        refuse(
            "inventory_hostname",
            f"{host}, while the broker is on {listing(remote)}: the node is called {instances[0]['name']}@{host}, as on every"
            " machine that is deployed like this",
            "a name of its own for each host: nodes of one name answer for each other",
            f"name the host in the inventory as others know it, with ansible_connection: local where it is {host}",
            SAME_NAME,
        )
    ]


def _queues(where: str, instance: dict[str, Any]) -> list[Problem]:
    """An instance names the queues that it consumes."""
    queues = instance.get("queues")
    expected = "a list with at least one queue"
    if isinstance(queues, (list, tuple)) and queues:
        wrong = [queue for queue in queues if not isinstance(queue, str) or not re.match(r"[^,\s]+\Z", queue)]
        if not wrong:
            return []
        return [
            refuse(
                f"{where}.queues",
                listing(repr(queue) for queue in wrong),
                "names with no comma and no space",
                "write one queue an entry",
            )
        ]
    return [
        refuse(
            f"{where}.queues",
            "a queue nobody named" if not queues else value_in_words(queues),
            expected,
            "name the queues that this worker consumes, for example queues: [celery]; without any, Celery takes"
            " the application's default queue, whatever that is",
        )
    ]


def _choices(where: str, instance: dict[str, Any]) -> list[Problem]:
    """`pool`, `loglevel` and `state` of an instance are known ones."""
    problems = []
    chosen = (
        ("pool", instance["pool"], POOLS),
        ("loglevel", str(instance["loglevel"]).upper(), LOGLEVELS),
        ("state", instance["state"], STATES),
    )
    for key, value, allowed in chosen:
        if value not in allowed:
            problems.append(
                refuse(f"{where}.{key}", repr(instance[key]), f"one of {listing(allowed)}", "choose one of them")
            )
    return problems


def _numbers(where: str, instance: dict[str, Any]) -> list[Problem]:
    """Numbers of an instance are whole numbers, 1 or more."""
    # Celery reads --prefetch-multiplier=0 as "not given": no limit can only be set in the application.
    return [
        refuse(
            f"{where}.{key}",
            repr(instance[key]),
            "a whole number, 1 or more",
            f"correct {key}, or leave it out: then the default holds",
        )
        for key in NUMBERS
        if instance[key] is not None and (integer(instance[key]) or 0) < 1
    ]


def _switches(where: str, instance: dict[str, Any]) -> list[Problem]:
    """Switches of an instance are true or false."""
    return [
        refuse(f"{where}.{key}", repr(instance[key]), "true or false", f"correct {key}, or leave it out")
        for key in SWITCHES
        if not isinstance(instance[key], bool)
    ]


def _pool(where: str, instance: dict[str, Any]) -> list[Problem]:
    """`concurrency` and the limits of child processes fit the pool."""
    problems = []
    pool = instance["pool"]
    if pool == "solo" and (integer(instance["concurrency"]) or 1) > 1:
        problems.append(
            refuse(
                f"{where}.concurrency",
                f"{instance['concurrency']}, with the pool solo",
                "1: solo runs one task at a time, in the worker itself",
                "take concurrency out, or choose the pool prefork",
                CONCURRENCY_GUIDE,
            )
        )
    if pool != "prefork":
        for key in ("max_tasks_per_child", "max_memory_per_child"):
            if _given(instance.get(key)):
                problems.append(
                    refuse(
                        f"{where}.{key}",
                        f"{instance[key]}, with the pool {pool}",
                        "the pool prefork: no other has child processes to replace",
                        f"take {key} out, or choose the pool prefork",
                        CONCURRENCY_GUIDE,
                    )
                )
    return problems


def _autoscale(where: str, instance: dict[str, Any]) -> list[Problem]:
    """`autoscale` has two numbers, a pool that can grow, and neither `concurrency` nor `max_tasks_per_child` beside
    it.
    """
    if instance["autoscale"] is None:
        return []
    where_autoscale = f"{where}.autoscale"
    bounds = autoscale_bounds(instance["autoscale"])
    if bounds is None or bounds[0] < 1 or bounds[1] < 0:
        return [
            refuse(
                where_autoscale,
                repr(instance["autoscale"]),
                "most,least as in 10,3, or {max: 10, min: 3}",
                "write two whole numbers, the greater first",
            )
        ]
    problems = []
    most, least = bounds
    if least > most:
        problems.append(
            refuse(where_autoscale, f"max {most}, min {least}", "min not above max", f"write {least},{most}")
        )
    pool = instance["pool"]
    if pool in POOLS and pool not in SCALABLE:
        problems.append(
            refuse(
                where_autoscale,
                f"{most},{least}, with the pool {pool}",
                f"one of the pools {listing(SCALABLE)}: {pool} can neither grow nor shrink",
                "take autoscale out and set concurrency, or choose the pool prefork",
                CONCURRENCY_GUIDE,
            )
        )
    if _given(instance.get("max_tasks_per_child")):
        problems.append(
            warn(
                where_autoscale,
                f"{most},{least}, together with max_tasks_per_child {instance['max_tasks_per_child']}",
                "one of the two: together, a worker stops taking tasks within hours to days",
                "replace autoscale by a fixed concurrency, or take max_tasks_per_child out",
                AUTOSCALE_ISSUE,
            )
        )
    if _given(instance.get("concurrency")):
        problems.append(
            warn(
                where_autoscale,
                f"{most},{least}, together with concurrency {instance['concurrency']}",
                "one of the two: autoscale sets the number of processes, and concurrency is not used",
                "take concurrency out",
            )
        )
    return problems


def _memory(where: str, instance: dict[str, Any]) -> list[Problem]:
    """`memory_max` and `memory_high` are sizes, in this order."""
    problems = []
    sizes = {}
    for key in ("memory_max", "memory_high"):
        value = instance.get(key)
        if not _given(value):
            continue
        sizes[key] = memory_bytes(value)
        if sizes[key] is None:
            problems.append(
                refuse(
                    f"{where}.{key}",
                    repr(value),
                    "a number and K, M, G or T, as in 2G",
                    f"correct {key}, or leave it out",
                )
            )
    most, high = sizes.get("memory_max"), sizes.get("memory_high")
    if most and high and high > most:
        problems.append(
            refuse(
                f"{where}.memory_high",
                f"memory_high {instance['memory_high']}, memory_max {instance['memory_max']}",
                "memory_high not above memory_max: it slows the worker down before memory_max kills it",
                "lower memory_high, or raise memory_max",
            )
        )
    return problems + _children(where, instance, most)


def _children(where: str, instance: dict[str, Any], most: int | None) -> list[Problem]:
    """All child processes together stay below `memory_max`."""
    kib = integer(instance.get("max_memory_per_child"))
    bounds = autoscale_bounds(instance["autoscale"]) if instance["autoscale"] else None
    children = bounds[0] if bounds else integer(instance["concurrency"])
    if not (kib and children and most) or kib * 1024 * children <= most:
        return []
    return [
        warn(
            f"{where}.max_memory_per_child",
            f"{kib} KiB x {children} processes = {kib * children // 1024} MiB, memory_max {instance['memory_max']}",
            "all processes together below memory_max: above it, the kernel kills one in the middle of a task",
            f"lower max_memory_per_child (it counts KiB) to {most // 1024 // children} or less, or raise memory_max",
        )
    ]


def _extra_args(where: str, instance: dict[str, Any]) -> list[Problem]:
    """`extra_args` has no option that a variable sets, no beat, and nothing that leaves the foreground."""
    arguments = instance.get("extra_args")
    if not _given(arguments):
        return []
    variable = f"{where}.extra_args"
    if not isinstance(arguments, (list, tuple)):
        return [
            refuse(
                variable,
                value_in_words(arguments),
                "a list",
                "write one argument an entry, for example [-O, fair]",
            )
        ]
    problems = []
    for argument in arguments:
        option = _option(str(argument))
        if option == "--":
            break
        if option in OPTIONS_OF_BEAT:
            problems.append(
                refuse(
                    variable,
                    option,
                    "no beat inside a worker: with a second worker, every periodic task is sent twice",
                    f"take {option} out, and use the role celery_beat",
                    TWO_BEATS,
                )
            )
        elif option in OPTION_KEYS:
            key = OPTION_KEYS[option]
            problems.append(
                refuse(variable, option, f"the key {key} of the instance", f"take {option} out, and set {key}")
            )
        elif option in OPTION_VARIABLES:
            name = OPTION_VARIABLES[option]
            problems.append(refuse(variable, option, f"the variable {name}", f"take {option} out, and set {name}"))
        elif option in OPTIONS_OF_A_DAEMON:
            problems.append(
                refuse(
                    variable,
                    option,
                    "a worker in the foreground, as the service manager starts it",
                    f"take {option} out",
                )
            )
    return problems


def _option(argument: str) -> str:
    """Return the option of an argument: --queues=a and -Qa are --queues and -Q."""
    if argument.startswith("--"):
        return argument.partition("=")[0]
    return argument[:2] if argument.startswith("-") else ""


def _limits(where: str, instance: dict[str, Any], facts: dict[str, Any]) -> list[Problem]:
    """The limits of an instance are judged as those of the application are."""
    own = instance["timeouts"]
    problems = [] if own is None else limit_problems(f"{where}.timeouts", own, facts)
    return problems or _soft_shutdown(f"{where}.soft_shutdown_timeout", instance, facts["min_gap"])


def _soft_shutdown(variable: str, instance: dict[str, Any], min_gap: int) -> list[Problem]:
    """From TERM on, a task has its hard limit, then QUIT begins the soft shutdown; at stop the service manager kills."""
    limits = instance["limits"]
    seconds, hard, stop = limits.get("soft_shutdown", 0), limits.get("hard", 0), limits["stop"]
    if not seconds:
        return []
    problems = []
    least = hard + seconds + max(min_gap, 1)
    if stop < least:
        problems.append(
            refuse(
                variable,
                f"{f'hard {hard} s + ' if hard else ''}soft shutdown {seconds} s = {hard + seconds} s, stop {stop} s",
                f"stop at least {max(min_gap, 1)} s above their sum: at stop, the worker is killed in the middle of it",
                f"raise stop to {least} or more in its timeouts (or celery_app_timeouts), or lower soft_shutdown_timeout",
                SOFT_SHUTDOWN,
            )
        )
    # The handler of QUIT sleeps (celery/worker/worker.py, wait_for_soft_shutdown).
    if instance["pool"] in IN_LOOP:
        problems.append(
            warn(
                variable,
                f"{seconds} s, with the pool {instance['pool']}",
                "the pool prefork or threads: in the others, the thread that waits is the one that runs the tasks",
                "take soft_shutdown_timeout out, or choose the pool prefork",
                SOFT_SHUTDOWN,
            )
        )
    return problems


def _time_limits(variable: str, instances: Any) -> list[Problem]:
    """The pools of the instances enforce the time limits."""
    limited = [one for one in instances if "hard" in one["limits"]]
    named = [f"{one['name']} ({one['pool']})" for one in limited if one["pool"] in PARTLY_LIMITED]
    if not named:
        return []
    return [
        warn(
            variable,
            f"{listing(named)} {'runs' if len(named) == 1 else 'run'} tasks without all of the time limits:"
            " gevent knows no soft limit; solo, threads and eventlet know none",
            "the pool prefork, where the limits soft and hard are enforced",
            "give each task timeouts of its own for network and database, or choose the pool prefork; with timeouts none, nobody"
            " expects limits",
            WORKER_GUIDE,
        )
    ]


def _given(value: Any) -> bool:
    """Was this key filled in? 0 counts; None, '', [] and {} do not."""
    return value is not None and value is not False and value not in ("", [], {}, ())


RULES = (_queues, _choices, _numbers, _switches, _pool, _autoscale, _memory, _extra_args)
