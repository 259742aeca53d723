"""Runs on a test host, in the application's environment: one JSON request in argv, one JSON answer as the last line."""

from __future__ import annotations

import json
import sys
import time

from celery.app.utils import find_app


def call(app, task, args=(), queue=None, times=1, timeout=30):
    sent = [app.send_task(task, args=args, **({"queue": queue} if queue else {})) for _number in range(times)]
    return [result.get(timeout=timeout) for result in sent]


def follow(app, task, args=(), queue=None, timeout=60):
    """Send a task, tell in a line of its own when a worker runs it, and answer with its result."""
    sent = app.send_task(task, args=args, **({"queue": queue} if queue else {}))
    end = time.monotonic() + timeout
    while sent.state != "STARTED" and time.monotonic() < end:
        time.sleep(0.05)
    print(sent.state, flush=True)
    return sent.get(timeout=timeout)


def send(app, task, args=(), queue=None, times=1, **options):
    """Do not wait for the results."""
    return [app.send_task(task, args=args, queue=queue, **options).id for _number in range(times)]


def inspect(app, method, nodes=None):
    """Ask these nodes, and wait for no others; or ask all, and wait as long as anybody may need."""
    found = (
        app.control.inspect(timeout=10, destination=nodes, limit=len(nodes))
        if nodes
        else app.control.inspect(timeout=3)
    )
    return getattr(found, method)() or {}


def control(app, command, nodes, arguments=None):
    """Send a command of remote control; what each node answers."""
    return app.control.broadcast(command, arguments or {}, destination=nodes, reply=True, timeout=10, limit=len(nodes))


request = json.loads(sys.argv[1])
found = find_app(request.pop("app"))
verbs = {"call": call, "follow": follow, "send": send, "inspect": inspect, "control": control}
print(json.dumps(verbs[request.pop("do")](found, **request)))
