# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that the modules share which look from the application's Python, and how they start it.

The options mirror the documentation fragment _connection. Private to the collection.
"""

from __future__ import annotations

import time

from ansible_collections.taskfleet.celery.plugins.module_utils._common.envfile import EnvironmentFileError, parse
from ansible_collections.taskfleet.celery.plugins.module_utils._common.runtime import REFUSALS, run
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import secrets_in

# Of the timeout, what is left to clean up and to hand over the result.
MARGIN = 0.5

# These literals are replaced everywhere in a result; a short one would spoil ordinary words.
SHORTEST_NO_LOG = 8


def connection_arguments():
    """Return the argument specification of the fragment _connection."""
    return {
        "celery_python": {"type": "path", "required": True},
        "celery_command": {"type": "list", "elements": "str", "default": []},
        "app": {"type": "str"},
        "chdir": {"type": "path"},
        "pythonpath": {"type": "list", "elements": "path", "default": []},
        "environment_file": {"type": "path"},
        "environment": {"type": "dict", "default": {}},
        "user": {"type": "str"},
        "group": {"type": "str"},
    }


def narrow_no_log(module, environment, broker_url=""):
    """Take the passwords, and only the passwords, of an environment and a URL out of the result."""
    secrets = secrets_in(dict(environment, broker_url=broker_url or ""))
    module.no_log_values = {secret for secret in secrets if len(secret) >= SHORTEST_NO_LOG}


def environment_of(params):
    """Return the variables of the files with those of the dict laid over them, and what is wrong with a file."""
    environment, problem = {}, ""
    for option in ("environment_file", "own_environment_file"):
        path = params.get(option)
        if not path:
            continue
        try:
            with open(path, encoding="utf-8") as stream:
                environment.update(parse(stream.read()))
        except (OSError, UnicodeDecodeError, EnvironmentFileError) as error:
            problem = "{0} {1} cannot be read: {2}; correct the path or the file".format(option, path, error)
    environment.update((name, str(value)) for name, value in params["environment"].items())
    return environment, problem


def read_environment(module):
    """Return the same variables; fail on a file that cannot be read."""
    environment, problem = environment_of(module.params)
    if problem:
        module.fail_json(msg=problem, kind="environment_file")
    return environment


def deadline(params):
    """Return when a helper has to be done. One clock counts for all processes of a host."""
    return time.monotonic() + params["timeout"] - MARGIN


def look(module, helper, arguments, environment):
    """Run a helper in the application's Python; fail when it cannot even be started."""
    outcome = try_to_look(module, helper, arguments, environment)
    if outcome.error in REFUSALS:
        module.fail_json(msg=outcome.message, kind=outcome.error)
    return outcome


def try_to_look(module, helper, arguments, environment):
    """Run a helper in the application's Python, and return what came of it."""
    return run(
        module.params["celery_python"],
        helper,
        arguments,
        user=module.params["user"],
        group=module.params["group"],
        directory=module.params["chdir"] or "/",
        pythonpath=module.params["pythonpath"],
        environment=environment,
        timeout=module.params["timeout"],
        # Without the application nothing needs to be set up.
        command=module.params["celery_command"] if module.params["app"] else (),
    )
