# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What celery_fleet_health takes, and how its action judges what its module brought. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._common.args import connection_arguments
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import EXPECTED
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.examine import examine, host_samples

# An instance has no rate limits; who calls the module may know them.
NODE = dict(EXPECTED, rate_limits={"type": "dict"})

# What judging reads of the arguments, and of the module's answer.
READ = ("name", "app", "expected", "beat", "flower", "host", "elsewhere", "policy", "earlier_problem", "beat_schedule")
ANSWER = ("reply", "problem", "failed", "msg")

# What Ansible itself adds to a result.
ANSIBLES = ("deprecations", "exception", "invocation", "warnings")


def arguments():
    """Return the argument specification."""
    return dict(
        connection_arguments(),
        broker_url={"type": "str", "no_log": True},
        name={"type": "str", "default": ""},
        expected={"type": "list", "elements": "dict", "default": [], "options": NODE},
        elsewhere={"type": "list", "elements": "str", "default": []},
        beat={"type": "str"},
        flower={"type": "str"},
        beat_schedule={"type": "dict", "default": {}},
        host_evidence={"type": "dict", "default": {}},
        look={"type": "dict"},
        registered={"type": "str"},
        hosts={"type": "list", "elements": "str", "default": []},
        host={"type": "str", "default": ""},
        queues={"type": "list", "elements": "str", "default": []},
        policy={"type": "dict", "default": {}},
        earlier_problem={"type": "str", "default": ""},
        evidence_file={"type": "path"},
        given_file={"type": "path"},
        return_evidence={"type": "bool", "default": True},
        timeout={"type": "float", "default": 20},
    )


def declared(params):
    """Return what is expected, in the form of docs/evidence.md: what was left out is not there."""
    nodes = [{key: value for key, value in node.items() if value is not None} for node in params["expected"]]
    services = {kind: {"host": params[kind]} if params[kind] else None for kind in ("beat", "flower")}
    return dict(services, app=params["name"], nodes=nodes)


def problem_of(params, asked):
    """Return why the question could not be put, or an empty text: the first reason, where an earlier attempt had one."""
    problem = asked.get("problem") or (asked.get("msg") if asked.get("failed") else "") or ""
    return (params["earlier_problem"] or problem) if problem else ""


def given(params, asked, looks, now):
    """Return by their names what ``judged`` takes, without what it does not read."""
    return {
        "params": {name: params[name] for name in READ},
        "asked": {name: asked[name] for name in ANSWER if name in asked},
        "looks": {host: _without_ansibles(look) for host, look in looks.items()},
        "now": now,
    }


def _without_ansibles(look):
    """Return a registered look, or a list of them, without what Ansible added: it can be of types that JSON lacks."""
    if isinstance(look, list):
        return [_without_ansibles(result) for result in look]
    return {key: value for key, value in look.items() if key not in ANSIBLES}


def judged(params, asked, looks, now):
    """Return report, lines, evidence and problem, from what the module brought and from the looks at the hosts."""
    problem, alone = problem_of(params, asked), not params["app"]
    examined = examine(
        declared(params),
        asked.get("reply") or {},
        problem,
        host_samples(looks),
        params["host"],
        params["elsewhere"],
        params["policy"],
        now,
        alone,
        params.get("beat_schedule"),
    )
    if params["earlier_problem"] and not problem:
        how = "by the broker's URL alone" if alone else "from {0}".format(params["host"])
        line = "The workers were asked {0}: {1}".format(how, params["earlier_problem"])
        # Before the summary, and what to do.
        examined["lines"].insert(-2, line)
    return dict(examined, problem=problem)
