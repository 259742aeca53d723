# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Evidence from one host about the services of one application. Reads only, and every part is bounded.

A part that cannot be had is named under ``missing`` with the reason, and says nothing about the service. Private to
the collection.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time

from ansible_collections.taskfleet.celery.plugins.module_utils._common.envfile import EnvironmentFileError, parse
from ansible_collections.taskfleet.celery.plugins.module_utils._common.environ import environ_of
from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import Clock, PeerError, bounded
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import mask, secrets_in
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.instance import service_name
from ansible_collections.taskfleet.celery.plugins.module_utils._observe import cgroup, log_tail, process_tree
from ansible_collections.taskfleet.celery.plugins.module_utils._observe import sockets as _sockets
from ansible_collections.taskfleet.celery.plugins.module_utils._observe.flower import Flower
from ansible_collections.taskfleet.celery.plugins.module_utils._observe.processes import same_app
from ansible_collections.taskfleet.celery.plugins.module_utils._observe.sockets import Unknown
from ansible_collections.taskfleet.celery.plugins.module_utils._service import owned_files
from ansible_collections.taskfleet.celery.plugins.module_utils._service.errors import ServiceError

OWNERS = ("celery_worker", "celery_beat", "celery_flower")
HEARTBEAT = "TASKFLEET_HEARTBEAT"
LARGEST_HEARTBEAT = 256 * 1024

# Of the timeout, what one part of the evidence may take.
SHARE = 0.25
# Seconds for a part that was late before.
LATE = 0.3

# What a part may fail with.
ERRORS = (OSError, ValueError, ServiceError, PeerError, Unknown)


class Request:
    """What is looked at, from the arguments of the module."""

    def __init__(self, params, manager, hostname=None):
        self.params = params
        self.manager = manager
        self.clock = Clock(params["timeout"])
        self._late = set()
        self._addresses = {}
        self.hostname = hostname or socket.gethostname()

    def part(self, missing, name, call):
        """Return what the call returns, or None with the reason under the name in missing.

        What did not come in time once is not waited for again with the next service.
        """
        share = LATE if name in self._late else max(self.params["timeout"] * SHARE, LATE)
        try:
            return bounded(call, min(self.clock.left(), share), "late", "no answer")
        except ERRORS as error:
            if getattr(error, "layer", "") == "late":
                self._late.add(name)
            missing[name] = mask(reason(error))
            return None

    def broker(self, url):
        """Return the addresses of the broker; what a name leads to is looked up once for all services."""
        if url not in self._addresses:
            try:
                self._addresses[url] = (
                    _sockets.broker_addresses(url, Clock(min(self.clock.left(), self.params["timeout"] * SHARE / 2))),
                    None,
                )
            except (Unknown, PeerError) as error:
                self._addresses[url] = set(), mask(reason(error))
        return self._addresses[url]


def reason(error):
    """Return why something is missing, in a few words."""
    if isinstance(error, OSError) and error.strerror:
        return "{0}: {1}".format(error.filename, error.strerror) if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__


# -- Which services there are


def service_parts(app, name):
    """Return kind and instance of the name of a service of the application, or None."""
    match = re.fullmatch(re.escape(app) + r"-(?:(worker)[@-](.+)|(beat|flower))", name)
    return (match.group(1) or match.group(3), match.group(2) or "") if match else None


def expected(request):
    """Return {service: (kind, instance)} of the workers that are expected; without a manager also of the others."""
    app, manager = request.params["name"], request.manager
    label = "systemd" if manager is not None and manager.has_boot_state else "supervisor"
    workers = [("worker", instance) for instance in request.params["instances"]]
    others = [("beat", ""), ("flower", "")] if manager is None else []
    return {service_name(app, kind, instance, label): (kind, instance) for kind, instance in workers + others}


def declared(request):
    """Return {service: (kind, instance)} of those whose files the roles wrote."""
    app, manager = request.params["name"], request.manager
    found = {}
    for owner in OWNERS if manager is not None else ():
        suffix = os.path.splitext(manager.path("x"))[1]
        for name in owned_files.sweep(manager.directory, suffix, owned_files.marker(app, owner)):
            parts = service_parts(app, name)
            if parts and "\n[eventlistener:" not in (owned_files.read(manager.path(name)) or ""):
                found[name] = parts
    return found


# -- What is known of them


def observe(request, scanned):
    """Return the evidence on each service, and which pids belong to one.

    One look, one wait and a second look serve all services; what else is asked is asked during the wait.
    """
    missing = {}
    services = expected(request)
    services.update(request.part(missing, "services", lambda: declared(request)) or {})
    states = request.part(missing, "states", lambda: states_of(request, services)) or {}
    mains = {name: main_of(request, services[name], states.get(name), scanned) for name in services}
    trees, before = look_at(request, mains, missing)
    first = time.monotonic()
    found = {
        name: rest_of(request, name, services[name], states.get(name), trees[name], mains[name], missing)
        for name in services
    }
    time.sleep(max(min(request.params["sample"] - (time.monotonic() - first), request.clock.left()), 0))
    later, after = look_at(request, mains, missing)
    seconds = round(time.monotonic() - first, 3)
    for name, entry in found.items():
        then = {pid: before[pid] for pid in trees[name] if pid in before}
        now = {pid: after[pid] for pid in later[name] if pid in after}
        processes, ended = process_tree.compare(
            then, now, mains[name], request.hostname, request.params["celery_command"]
        )
        entry.update(processes=processes, ended=ended, sample_seconds=seconds)
    owned = {pid for tree in (*trees.values(), *later.values()) for pid in tree}
    certain = not missing
    return {"services": found, "names": set(services) if certain else None, "owned": owned, "missing": missing}


def look_at(request, mains, missing):
    """Return the pids of each service, and what the kernel tells of them all now."""
    parent_of = request.part(missing, "processes", process_tree.parents) or {}
    trees = {name: process_tree.family(main, parent_of) for name, main in mains.items()}
    pids = [pid for tree in trees.values() for pid in tree]
    return trees, request.part(missing, "processes", lambda: process_tree.look(pids)) or {}


def states_of(request, services):
    """Return what the service manager says of each service."""
    if request.manager is None:
        return {}
    if not request.manager.available():
        raise Unknown("{0} does not run here".format(request.params["manager"]))
    return request.manager.evidence(sorted(services), min(request.clock.left(), request.params["timeout"] * SHARE))


def main_of(request, parts, state, scanned):
    """Return the pid of the main process of a service, or 0: the manager's, or without one what the processes say."""
    if state is not None:
        return state["main_pid"]
    kind, instance = parts
    for process in scanned:
        if process["role"] != "main" or process["kind"] != kind:
            continue
        if process["service"]:
            own = service_parts(request.params["name"], process["service"]) == parts
        else:
            own = same_app(process["app"], request.params["app"]) and process["node"].partition("@")[0] == instance
        if own:
            return process["pid"]
    return 0


def rest_of(request, name, parts, state, pids, main, shared):
    """Return everything about one service but its processes."""
    kind, instance = parts
    missing = {}
    environment, unknown = environment_of(request, kind, instance, main)
    secrets = secrets_in(dict(environment, broker_url=request.params["broker_url"] or ""))
    if state is None:
        missing["service"] = shared.get("states") or "no service manager was asked"
    elif not state["known"]:
        missing["service"] = "{0} does not know {1}".format(request.params["manager"], name)
    group = (state or {}).get("control_group")
    sockets = request.part(missing, "sockets", lambda: sockets_of(request, pids, environment, missing))
    connections, total = sockets or (None, None)
    return {
        "kind": kind,
        "instance": instance,
        "service": shown(name, request.params["manager"], state, secrets),
        "memory": request.part(missing, "memory", lambda: cgroup.memory(main, None if main else group)),
        "sockets": connections,
        "sockets_total": total,
        "log": request.part(missing, "log", lambda: log_of(request, name, kind, instance, state, secrets)),
        "heartbeat": request.part(missing, "heartbeat", lambda: heartbeat_of(request, instance, environment, unknown)),
        "page": page_of(request) if kind == "flower" and request.params["flower_url"] else None,
        "missing": missing,
    }


def shown(name, manager, state, secrets):
    """Return what the service manager says, as the module returns it."""
    if state is None:
        return None
    shown = {key: value for key, value in state.items() if key not in ("control_group", "log_file")}
    return dict(shown, name=name, manager=manager, status_text=mask(state["status_text"], secrets))


def environment_of(request, kind, instance, main):
    """Return the environment of a service, and why it is not known if it is not.

    That of the running process, or else what is in the files that it would be started with.
    """
    environment = environ_of(main) if main else {}
    if environment:
        return environment, ""
    directory = request.params["config_dir"]
    if not directory:
        return {}, "the process does not run or its environment cannot be read, and config_dir is not set"
    own = "-".join(filter(None, [kind, instance])) + ".env"
    for name in ("celery.env", own):
        try:
            with open(os.path.join(directory, name), encoding="utf-8") as stream:
                environment.update(parse(stream.read()))
        except (OSError, UnicodeDecodeError, EnvironmentFileError) as error:
            return environment, reason(error)
    return environment, ""


def log_of(request, name, kind, instance, state, secrets):
    """Return the last lines of the log of a service, and where they are from."""
    lines, most_bytes = request.params["log_lines"], request.params["log_bytes"]
    path = (state or {}).get("log_file")
    if not path and request.params["log_dir"]:
        candidate = os.path.join(request.params["log_dir"], "-".join(filter(None, [kind, instance])) + ".log")
        path = candidate if os.path.exists(candidate) else None
    if path:
        found, status = log_tail.of_file(path, lines, most_bytes)
        log = {"source": path, "modified_at": round(status.st_mtime, 3), "size": status.st_size}
    elif request.manager is not None and request.manager.has_boot_state:
        raw = request.manager.journal(name, lines, min(request.clock.left(), request.params["timeout"] * SHARE))
        found = log_tail.of_bytes(raw, lines, most_bytes)
        log = {"source": "journal", "modified_at": None, "size": None}
    else:
        raise Unknown("the log file is not known; set log_dir")
    return dict(log, lines=log_tail.masked(found, secrets))


def heartbeat_of(request, instance, environment, unknown):
    """Return what the sentinel of a worker wrote last."""
    path = (request.params["heartbeat"] or "").replace("{instance}", instance) or environment.get(HEARTBEAT)
    if not path:
        raise Unknown("no heartbeat is declared" + ("; " + unknown if unknown else ""))
    with open(path, "rb") as stream:
        raw = stream.read(LARGEST_HEARTBEAT + 1)
    if len(raw) > LARGEST_HEARTBEAT:
        raise Unknown("{0} is larger than {1} bytes".format(path, LARGEST_HEARTBEAT))
    try:
        heartbeat = json.loads(raw.decode("utf-8"))
    except ValueError as error:
        raise Unknown("{0} is not JSON: {1}".format(path, error)) from None
    if not isinstance(heartbeat, dict):
        raise Unknown("{0} does not hold an object".format(path))
    return heartbeat


def page_of(request):
    """Return whether Flower's page answers, whatever it says: ``{ok, error}``.

    Its health check, which needs no password (flower/views/monitor.py).
    """
    clock = Clock(min(request.clock.left(), request.params["timeout"] * SHARE))
    try:
        Flower(request.params["flower_url"], validate_certs=False).get("/healthcheck", clock)
    except (PeerError, OSError) as error:
        return {"ok": False, "error": mask(reason(error))}
    return {"ok": True, "error": ""}


def sockets_of(request, pids, environment, missing):
    """Return the TCP connections of a service, and their number."""
    if not pids:
        raise Unknown("no process runs")
    url = request.params["broker_url"] or environment.get("CELERY_BROKER_URL") or environment.get("BROKER_URL")
    broker, problem = request.broker(url)
    if problem:
        # The connections are listed all the same; which of them lead to the broker is not known.
        missing["broker_address"] = problem
    return _sockets.connections(pids, broker)


# -- Beside the services


def strays(params, scanned, names, owned):
    """Return the processes of the application that no declared service owns, each with the reason.

    With the services unknown (names is None) only those count that this collection did not start.
    """
    found = []
    for process in scanned:
        if process["role"] != "main" or not process["environment_readable"]:
            continue
        if process["kind"] not in params["kinds"] and not (process["embedded_beat"] and "beat" in params["kinds"]):
            continue
        why = stray_reason(params, process, names, owned)
        if why:
            found.append(dict(process, reason=why))
    return found


def stray_reason(params, process, names, owned):
    """Return why a main process is a stray, or an empty text."""
    service = process["service"]
    if not service:
        foreign = same_app(process["app"], params["app"]) and process["pid"] not in owned
        return "not started by this collection" if foreign else ""
    if names is None or process["pid"] in owned or not service_parts(params["name"], service):
        return ""
    if run_by_supervisord(process["ppid"]):
        # Two fleets of one name can be on a host, each under a supervisord of its own.
        return ""
    if service in names:
        return "left over from an earlier run of {0}".format(service)
    return "its service {0} is not declared any more".format(service)


def run_by_supervisord(pid):
    """Tell whether a process is a supervisord."""
    try:
        with open("/proc/{0}/cmdline".format(pid), encoding="utf-8", errors="replace") as stream:
            words = stream.read().split("\0")
    except OSError:
        return False
    return any(os.path.basename(word) == "supervisord" for word in words[:3])


def disk(path):
    """Return the free space of the file system of a directory."""
    status = os.statvfs(path)
    return {
        "path": path,
        "free_bytes": status.f_bavail * status.f_frsize,
        "total_bytes": status.f_blocks * status.f_frsize,
        "free_inodes": status.f_favail if status.f_files else None,
        "total_inodes": status.f_files or None,
    }


def gather(request, scanned):
    """Return instances, beat, flower, strays, disks and missing."""
    observed = {"services": {}, "names": None, "owned": set(), "missing": {}}
    if request.params["name"]:
        observed = observe(request, scanned)
    missing = observed["missing"]
    disks = [
        request.part(missing, path, lambda path=path: disk(path))
        for path in dict.fromkeys(request.params["directories"])
    ]
    services = observed["services"].values()
    # Without a service manager, what does not run was perhaps never deployed.
    single = {
        entry["kind"]: entry
        for entry in services
        if entry["kind"] != "worker" and (request.manager is not None or entry["processes"])
    }
    return {
        "instances": {entry["instance"]: entry for entry in services if entry["kind"] == "worker"},
        "beat": single.get("beat"),
        "flower": single.get("flower"),
        "strays": strays(request.params, scanned, observed["names"], observed["owned"]),
        "disks": [found for found in disks if found],
        "missing": missing,
    }
