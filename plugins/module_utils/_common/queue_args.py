# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules that look at queues, empty them and fill them share. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._common.args import (
    connection_arguments,
    deadline,
    look,
    narrow_no_log,
    read_environment,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._common.replies import broker_of


def queue_arguments(timeout):
    """Return the argument specification of the fragments _connection and _queues."""
    specification = connection_arguments()
    specification.update(
        broker_url={"type": "str", "no_log": True},
        transport_options={"type": "dict", "default": {}},
        timeout={"type": "float", "default": timeout},
    )
    return specification


def ask(module, helper, **arguments):
    """Run a helper on the queues, and return its answer with broker and probe, and the outcome."""
    params = module.params
    environment = read_environment(module)
    options = params["transport_options"]
    hidden = dict(environment, **_flat(options))
    hidden["management_url"] = params.get("management_url") or ""
    narrow_no_log(module, hidden, params["broker_url"])
    arguments.update(
        app=params["app"],
        broker_url=params["broker_url"],
        transport_options=options,
        deadline=deadline(params),
    )
    outcome = look(module, helper, arguments, environment)
    answer = dict(outcome.result or {})
    problem = answer.get("problem") or outcome.message
    answer.update(broker=broker_of(answer), probe={"ok": not problem, "error": problem})
    return answer, outcome


def move(module, helper, **arguments):
    """Run a helper that empties or fills queues; fail when it could not."""
    answer, outcome = ask(module, helper, queues=module.params.get("queues", []), **arguments)
    if not answer["probe"]["ok"]:
        problem = answer["probe"]["error"]
        kind = answer.get("kind") or outcome.error
    elif answer["broker"]["error"]:
        problem = "the broker {url} failed at {layer}: {error}".format(**answer["broker"])
        kind = "broker"
    else:
        return answer, outcome
    if outcome.error == "timed_out":
        problem += "; no message is lost. Run it again with a longer timeout"
    module.fail_json(
        msg=problem,
        kind=kind,
        broker=answer["broker"],
        app_output_tail=outcome.tail,
        elapsed=round(outcome.elapsed, 2),
    )
    return None


def depths(counts, factor):
    """Return by queue the number of messages as one side of a diff."""
    return "".join("{0}: {1}\n".format(name, counts[name] * factor) for name in sorted(counts))


def _flat(options, name=""):
    """Return the texts of nested options, so that a password is known by the name of its own key."""
    found = {}
    for key, value in options.items():
        if isinstance(value, dict):
            found.update(_flat(value, "{0}{1}.".format(name, key)))
        elif isinstance(value, str):
            found["{0}{1}".format(name, key)] = value
    return found
