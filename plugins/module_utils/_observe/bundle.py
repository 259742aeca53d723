# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A support bundle: what it holds, without passwords, as one archive.

Runs on the controller. Private to the collection.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import tarfile
import tempfile
import time

from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import MASK, SHORTEST_LITERAL, mask
from ansible_collections.taskfleet.celery.plugins.module_utils._common.values import words
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import environments

# Of a host's facts, what a bundle has: a host's environment or keys are nobody's business.
FACTS = (
    "architecture",
    "date_time",
    "distribution",
    "distribution_version",
    "kernel",
    "memfree_mb",
    "memtotal_mb",
    "mounts",
    "processor_vcpus",
    "python_version",
    "service_mgr",
    "swapfree_mb",
    "swaptotal_mb",
    "uptime_seconds",
    "virtualization_role",
    "virtualization_type",
)

# Of a module's result, what is about the module and not about the host.
_NOISE = ("invocation", "changed", "failed", "skipped", "warnings", "deprecations", "ansible_facts", "exception")


# What is gathered of a host, and what of an application, which one of its hosts is asked for.
HOST_PARTS = ("facts", "evidence", "app", "beat", "flower", "units")
APP_PARTS = ("inspect", "queues")

# Variables of a host that are secret as a whole, or as a part of a URL.
SECRETS = (
    "celery_app_broker_url",
    "celery_app_result_backend",
    "celery_beat_redbeat_redis_url",
    "celery_broker_password",
    "celery_flower_broker_api",
)
ENVIRONMENTS = ("celery_app_environment", "celery_beat_environment", "celery_flower_environment")


def gathered(variables, prefix, others):
    """Return ``{hosts: {host: {part: result}}, apps: {app: {part: result}}}`` of what was registered.

    ``variables`` has by host its variables; the variable ``<prefix><part>`` has the result of a part, or that which
    ``others`` names for it.
    """
    parts = {"hosts": {}, "apps": {}}
    for host, has in variables.items():
        parts["hosts"][host] = _registered(has, prefix, others, HOST_PARTS)
        app = has.get("celery_app_name")
        if app:
            parts["apps"].setdefault(app, {}).update(_registered(has, prefix, others, APP_PARTS))
    return parts


def speaker(variables, app, groups, reached):
    """Return the host that asks the broker for an application, best one that has workers; an empty text for none.

    The variable called ``reached`` has what was registered of an attempt to reach the host.
    """
    hosts = [
        host
        for host, has in variables.items()
        if has.get("celery_app_name") == app and has.get(reached) and not has[reached].get("unreachable")
    ]
    for group in ("celery_workers", "celery_beat", "celery_flower"):
        for host in hosts:
            if host in groups.get(group, ()):
                return host
    return ""


def _registered(has, prefix, others, parts):
    results = {part: has.get(others.get(part) or prefix + part) for part in parts}
    return {part: result for part, result in results.items() if result and not result.get("skipped")}


def secret_environments(variables):
    """Return dicts of names and values that have all that the inventory knows as a secret, of all hosts."""
    known = []
    for has in variables.values():
        known += [has.get(name) or {} for name in ENVIRONMENTS]
        known += environments(has.get("celery_worker_instances"), has.get("celery_worker_defaults")).values()
        known.append({name: has.get(name) or "" for name in SECRETS})
        known.append({"basic_auth": ",".join(words(has.get("celery_flower_basic_auth")) or ())})
    return known


def members(hosts, apps, secrets, taken_at):
    """Return the files of a bundle, {path: text}, without passwords.

    hosts is {host: {part: result of a module}}, apps is {application: {part: result of a module}}.
    """
    files = {}
    for host, parts in hosts.items():
        files.update(_host(safe(host), parts))
    for app, parts in apps.items():
        files.update(_app(safe(app), parts))
    overview = summary(hosts, apps, taken_at)
    files["summary.json"] = overview
    files["summary.txt"] = as_text(overview)
    return {path: without(content, secrets) for path, content in files.items()}


def summary(hosts, apps, taken_at):
    """Return what could be gathered and what could not, in short."""
    return {
        "taken_at": taken_at,
        "hosts": {host: _state(parts) for host, parts in sorted(hosts.items())},
        "apps": {app: _fleet(parts) for app, parts in sorted(apps.items())},
    }


def as_text(overview):
    """Return the summary in lines that are read at night."""
    lines = ["Support bundle of {0}".format(overview["taken_at"]), ""]
    for app, fleet in overview["apps"].items():
        lines.append("application {0}: {1}".format(app, fleet["broker"]))
        lines += ["  {0}".format(line) for line in fleet["workers"]]
    for host, state in overview["hosts"].items():
        lines.append("host {0}: {1}".format(host, state["state"]))
        lines += ["  {0}".format(line) for line in state["services"]]
        lines += ["  not gathered: {0}: {1}".format(part, why) for part, why in sorted(state["missing"].items())]
    return "\n".join([*lines, ""])


def without(content, secrets):
    """Return the text of a file without passwords; what is no text is written as JSON."""
    text = content if isinstance(content, str) else json.dumps(mask(content, secrets), indent=2, sort_keys=True)
    text = mask(text, secrets) if isinstance(content, str) else text
    # In a key, or as JSON writes it.
    literals = {written for secret in secrets for written in (secret, json.dumps(secret)[1:-1])}
    for literal in sorted(literals, key=len, reverse=True):
        if len(literal) >= SHORTEST_LITERAL:
            text = text.replace(literal, MASK)
    return text if text.endswith("\n") else text + "\n"


def safe(name):
    """Return a name that is one step of a path."""
    return re.sub(r"[^A-Za-z0-9_.@+-]", "_", str(name)).lstrip(".") or "_"


def write(directory, files, now=None):
    """Write the archive, readable for its owner alone, and return its path. It is there whole or not at all."""
    moment = time.gmtime(now)
    name = time.strftime("celery-diagnose-%Y%m%dT%H%M%SZ", moment)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=directory, prefix=".celery-diagnose-")
    try:
        with os.fdopen(handle, "wb") as stream:
            with tarfile.open(fileobj=stream, mode="w:gz") as archive:
                for path in sorted(files):
                    content = files[path].encode("utf-8", "replace")
                    entry = tarfile.TarInfo("{0}/{1}".format(name, path))
                    entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.mktime(moment))
                    archive.addfile(entry, io.BytesIO(content))
            stream.flush()
            os.fsync(stream.fileno())
        return _place(temporary, os.path.join(directory, name))
    except BaseException:
        os.unlink(temporary)
        raise


def _place(temporary, wanted):
    # A second run within the same second is another bundle.
    for number in range(1, 100):
        path = "{0}{1}.tar.gz".format(wanted, "" if number == 1 else "-{0}".format(number))
        try:
            os.link(temporary, path)
        except FileExistsError:
            continue
        os.unlink(temporary)
        return path
    raise FileExistsError("there are 99 bundles of this second in {0}".format(os.path.dirname(wanted)))


def _host(host, parts):
    files = {}
    services = [service for service, _entry in services_of(parts.get("evidence") or {})]
    for service, entry in services_of(parts.get("evidence") or {}):
        log = entry.get("log") or {}
        if log:
            files["hosts/{0}/logs/{1}.log".format(host, safe(service))] = "\n".join(log["lines"])
    for part, result in parts.items():
        if part == "units":
            files.update(_units(host, result))
        elif part == "facts":
            files["hosts/{0}/facts.json".format(host)] = _facts(result)
        elif result:
            files["hosts/{0}/{1}.json".format(host, safe(part))] = _trimmed(result, services)
    return files


def _facts(result):
    found = (result or {}).get("ansible_facts") or {}
    facts = {name: found["ansible_" + name] for name in FACTS if "ansible_" + name in found}
    return facts or {"msg": (result or {}).get("msg", ""), "unreachable": (result or {}).get("unreachable", False)}


def _units(host, result):
    """Return the files that ansible.builtin.slurp read."""
    files = {}
    for one in (result or {}).get("results", []):
        if one.get("content"):
            text = base64.b64decode(one["content"]).decode("utf-8", "replace")
            files["hosts/{0}/units/{1}".format(host, safe(os.path.basename(one["source"])))] = text
    return files


def services_of(evidence):
    """Yield the name and the entry of each service in the evidence of a host."""
    for instance, entry in sorted((evidence.get("instances") or {}).items()):
        yield "worker-" + instance, entry
    for kind in ("beat", "flower"):
        if evidence.get(kind):
            yield kind, evidence[kind]


def _trimmed(result, services):
    """Return a result without what is about the module, and without the logs, which are files of their own."""
    kept = {key: value for key, value in result.items() if key not in _NOISE}
    if services and "instances" in kept:
        kept["instances"] = {name: _without_lines(entry) for name, entry in kept["instances"].items()}
        kept.update({kind: _without_lines(kept[kind]) for kind in ("beat", "flower") if kept.get(kind)})
    return kept


def _without_lines(entry):
    log = entry.get("log")
    return dict(entry, log={key: value for key, value in log.items() if key != "lines"}) if log else entry


def _app(app, parts):
    files = {}
    for part, result in parts.items():
        if result:
            files["apps/{0}/{1}.json".format(app, safe(part))] = _trimmed(result, [])
    for node, replies in sorted(((parts.get("inspect") or {}).get("nodes") or {}).items()):
        if isinstance(replies.get("report"), str):
            files["apps/{0}/report/{1}.txt".format(app, safe(node))] = replies["report"]
    return files


def _state(parts):
    """Return state, services and missing of one host."""
    facts = parts.get("facts") or {}
    if facts.get("unreachable"):
        return {"state": "unreachable: {0}".format(facts.get("msg", "")), "services": [], "missing": {}}
    if not parts:
        return {"state": "nothing was gathered: the play failed on it", "services": [], "missing": {}}
    missing = {part: _problem(result) for part, result in parts.items() if _problem(result)}
    evidence = parts.get("evidence") or {}
    missing.update(evidence.get("missing") or {})
    for one in (parts.get("units") or {}).get("results", []):
        if _problem(one):
            missing["the file of {0}".format(one.get("item"))] = _problem(one)
    services = []
    for service, entry in services_of(evidence):
        manager = entry.get("service") or {}
        services.append(
            "{0}: {1}{2}".format(
                service,
                manager.get("state", "not known: {0}".format(entry["missing"].get("service", ""))),
                " since {0}".format(manager["since"]) if manager.get("since") else "",
            )
        )
    services += ["stray process {0}: {1}".format(one["pid"], one["reason"]) for one in evidence.get("strays") or []]
    return {"state": "gathered", "services": services, "missing": missing}


# With `failed_when: false` a play goes on, and its result says in the last of these only that the task had failed.
_FAILED = ("failed", "unreachable", "failed_when_suppressed_exception")


def _problem(result):
    """Return why a part of a host is missing, or an empty text."""
    if not isinstance(result, dict):
        return ""
    if any(result.get(key) for key in _FAILED):
        return str(result.get("msg") or "the task failed")
    probe = result.get("probe") or {}
    return "" if probe.get("ok", True) else str(probe.get("error"))


def _fleet(parts):
    """Return what the broker and the workers of one application said."""
    inspect = parts.get("inspect") or {}
    if not inspect:
        return {"broker": "not asked: no host of its workers could be reached", "workers": []}
    if _problem(inspect):
        return {"broker": "not asked: {0}".format(_problem(inspect)), "workers": []}
    broker = inspect.get("broker") or {}
    if not broker.get("reachable"):
        text = "the broker does not answer ({0}): {1}".format(broker.get("layer"), broker.get("error"))
        return {"broker": text, "workers": []}
    workers = ["{0}: answers".format(node) for node in sorted(inspect.get("nodes") or {})]
    workers += ["{0}: silent".format(node) for node in inspect.get("silent") or []]
    refusal = "; it says: {0}".format(broker["error"]) if broker.get("error") else ""
    return {"broker": "the broker answers{0}".format(refusal), "workers": workers}
