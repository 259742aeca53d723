"""Runs on a test host, in the application's environment: one JSON request in argv, one JSON answer as the last line."""

from __future__ import annotations

import json
import sys
import time

from celery.app.utils import find_app

request = json.loads(sys.argv[1])
patience = request.pop("patience")


def call(app, task, args=(), queue=None, times=1):
    sent = [app.send_task(task, args=args, **({"queue": queue} if queue else {})) for _number in range(times)]
    return [result.get(timeout=patience) for result in sent]


def follow(app, task, args=(), queue=None):
    """Send a task, tell in a line of its own when a worker runs it, and answer with its result."""
    sent = app.send_task(task, args=args, **({"queue": queue} if queue else {}))
    end = time.monotonic() + patience
    while sent.state != "STARTED" and time.monotonic() < end:
        time.sleep(0.05)
    print(sent.state, flush=True)
    return sent.get(timeout=patience)


def send(app, task, args=(), queue=None, times=1, **options):
    """Do not wait for the results."""
    return [app.send_task(task, args=args, queue=queue, **options).id for _number in range(times)]


def inspect(app, method, nodes=None):
    """Ask these nodes, and wait for no others; or ask all. Whoever is late is left out: the tests ask again."""
    found = (
        app.control.inspect(timeout=10, destination=nodes, limit=len(nodes))
        if nodes
        else app.control.inspect(timeout=3)
    )
    return getattr(found, method)() or {}


def control(app, command, nodes, arguments=None):
    """Send a command of remote control; what each node answers."""
    reply = {"reply": True, "timeout": patience, "limit": len(nodes)}
    return app.control.broadcast(command, arguments or {}, destination=nodes, **reply)


found = find_app(request.pop("app"))
verbs = {"call": call, "follow": follow, "send": send, "inspect": inspect, "control": control}
print(json.dumps(verbs[request.pop("do")](found, **request)))
