"""Runs on a test host, in the application's environment: one JSON request in argv, one JSON answer as the last line."""

from __future__ import annotations

import json
import sys

from celery.app.utils import find_app


def call(app, task, args=(), queue=None, times=1, timeout=30):
    sent = [app.send_task(task, args=args, **({"queue": queue} if queue else {})) for _ in range(times)]
    return [result.get(timeout=timeout) for result in sent]


def inspect(app, method):
    return getattr(app.control.inspect(timeout=3), method)() or {}


def consume(app, queue, node):
    return app.control.add_consumer(queue, destination=[node], reply=True, timeout=3)


request = json.loads(sys.argv[1])
found = find_app(request.pop("app"))
print(json.dumps({"call": call, "consume": consume, "inspect": inspect}[request.pop("do")](found, **request)))
