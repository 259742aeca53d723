# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

"""Names of an environment that the celery command takes for its own options, unseen by the proof and by preflight.

tests/versions compares them with the options of each supported Celery. Those that a service is started with go before its
environment, but its command line leaves out what is not declared.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.taskfleet.celery.plugins.module_utils._common.values import boolean
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import Problem, refuse

BROKER = "celery_app_broker_url"
NO_DAEMON = "the service manager keeps the process in the foreground"
EXTRA = "extra_args of the instance"

# By name what to set instead.
GLOBAL = {
    "APP": "celery_app_module",
    "CELERY_APP": "celery_app_module",
    "BROKER_URL": BROKER,
    "CELERY_BROKER": BROKER,
    # No options, but Celery takes them before any setting, too.
    "CELERY_BROKER_READ_URL": BROKER,
    "CELERY_BROKER_WRITE_URL": BROKER,
    "RESULT_BACKEND": "celery_app_result_backend",
    "LOADER": "CELERY_LOADER in celery_app_environment",
    "CONFIG_MODULE": "CELERY_CONFIG_MODULE in celery_app_environment",
    "CELERY_CONFIG": "CELERY_CONFIG_MODULE in celery_app_environment",
    "CELERY_WORKDIR": "celery_app_source_dir",
}

WORKER = {
    "HOSTNAME": "name of the instance",
    "QUEUES": "queues of the instance",
    "CONCURRENCY": "concurrency of the instance",
    "POOL": "pool of the instance",
    "AUTOSCALE": "autoscale of the instance",
    "PREFETCH_MULTIPLIER": "prefetch_multiplier of the instance",
    "MAX_TASKS_PER_CHILD": "max_tasks_per_child of the instance",
    "MAX_MEMORY_PER_CHILD": "max_memory_per_child of the instance",
    "LOGLEVEL": "loglevel of the instance",
    "WITHOUT_GOSSIP": "without_gossip of the instance",
    "WITHOUT_MINGLE": "without_mingle of the instance",
    "WITHOUT_HEARTBEAT": "without_heartbeat of the instance",
    "TIME_LIMIT": "celery_app_timeouts",
    "SOFT_TIME_LIMIT": "celery_app_timeouts",
    "LOGFILE": "celery_app_log_target",
    "UID": "celery_app_user",
    "GID": "celery_app_group",
    "BEAT": "the group celery_beat",
    "SCHEDULE_FILENAME": "celery_beat_schedule_file",
    "SCHEDULER": "celery_beat_scheduler",
    **dict.fromkeys(("STATEDB", "OPTIMIZATION", "TASK_EVENTS", "DISABLE_PREFETCH", "POOL_START_METHOD"), EXTRA),
    **dict.fromkeys(("EXCLUDE_QUEUES", "INCLUDE", "HEARTBEAT_INTERVAL"), EXTRA),
}

BEAT = {
    "SCHEDULE": "celery_beat_schedule_file",
    "SCHEDULER": "celery_beat_scheduler",
    "MAX_INTERVAL": "celery_beat_max_interval",
    "LOGLEVEL": "celery_beat_loglevel",
    "LOGFILE": "celery_app_log_target",
    "UID": "celery_app_user",
    "GID": "celery_app_group",
    **dict.fromkeys(("REMOTE_CONTROL", "HOSTNAME"), "celery_beat_extra_args"),
}

DAEMON = ("DETACH", "PIDFILE", "UMASK", "EXECUTABLE")

INSTEAD = {
    **GLOBAL,
    **{f"CELERY_WORKER_{option}": instead for option, instead in WORKER.items()},
    **{f"CELERY_BEAT_{option}": instead for option, instead in BEAT.items()},
}

# By name what is wrong with it, where there is nothing to set instead.
WHY_NOT = {
    "CELERY_VERSION": "with it, the celery command prints its version and ends",
    "CELERY_WORKER_PURGE": "with it, each start of a worker deletes all waiting tasks; the playbook purge keeps them in a file",
    **{f"CELERY_{command}_{option}": NO_DAEMON for command in ("WORKER", "BEAT") for option in DAEMON},
}

# Options that may well be set, but as true or false: with anything else, the celery command ends.
SWITCHES = ("NO_COLOR", "CELERY_NO_COLOR", "SKIP_CHECKS", "CELERY_SKIP_CHECKS", "CELERY_QUIET")

OPTIONS = "https://docs.celeryq.dev/en/stable/reference/cli.html"
STOPPING = "https://docs.celeryq.dev/en/stable/userguide/workers.html#stopping-the-worker"


def command_problems(variable: str, environment: Any, declared: dict[str, str] | None = None) -> list[Problem]:
    """An environment has no name by which the `celery` command would do something else than is declared.

    declared: by what a name is to be set with (a value of INSTEAD) the value that is declared there. A name that says the
    same is left alone, for the application may read it. No value is shown: it may be a URL with a password.
    """
    problems = []
    for name, value in environment.items() if isinstance(environment, dict) else ():
        where = f"{variable}.{name}"
        if name in INSTEAD and str(value) != (declared or {}).get(INSTEAD[name]):
            problems.append(
                refuse(
                    where,
                    "set here",
                    f"set by {INSTEAD[name]}: the celery command takes {name} for an option of its own",
                    f"take {name} out of {variable}, and set {INSTEAD[name]}",
                    OPTIONS,
                )
            )
        elif name in WHY_NOT:
            problems.append(
                refuse(where, "set", f"not set: {WHY_NOT[name]}", f"take {name} out of {variable}", OPTIONS)
            )
        elif name in SWITCHES and boolean(value) is None and value != "":
            problems.append(
                refuse(where, repr(value), "true or false: with anything else, the celery command ends", "write true")
            )
        elif name == "REMAP_SIGTERM" and value:
            problems.append(
                refuse(
                    where,
                    f"{value!r}: a stop then cancels the tasks that run",
                    "not set: with TERM as it is, they may end within the limit stop",
                    f"take {name} out of {variable}, and set stop in celery_app_timeouts to what a stop may take",
                    STOPPING,
                )
            )
    return problems
