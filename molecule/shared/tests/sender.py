"""Runs on a test host, in the application's environment: sends tasks until its input ends. One JSON request in argv.
A line "hold" on its input holds them back, until the next line.

Prints "sent NAME ID" for each that the broker took, and "refused WHY" for each that it did not.
"""

from __future__ import annotations

import json
import select
import sys
import time

from celery.app.utils import find_app

request = json.loads(sys.argv[1])
app = find_app(request["app"])
# A broker that hangs must not hold up the client for ever, one on a busy machine may take its time, and RabbitMQ says
# what it took only if asked to.
extra = {"confirm_publish": True} if app.conf.broker_url.startswith(("amqp", "pyamqp")) else {"socket_timeout": 60}
app.conf.broker_transport_options = {**(app.conf.broker_transport_options or {}), **extra}
app.conf.task_ignore_result = True


def wait(seconds):
    """Wait so long, and when told to hold, until told anything else.

    Return for how many seconds it held; None when the input has ended.
    """
    ready, _write, _error = select.select([sys.stdin], [], [], max(seconds, 0))
    command = sys.stdin.buffer.read1(1024) if ready else None
    since = time.monotonic()
    if command == b"hold\n":
        print("held", flush=True)
        command = sys.stdin.buffer.read1(1024)
    return None if command == b"" else time.monotonic() - since


connection = app.connection_for_write()
begun = time.monotonic()
for number in range(request["limit"]):
    held = wait(begun + number / request["rate"] - time.monotonic())
    if held is None:
        break
    begun += held
    name = "{}-{}".format(request["name"], number)
    queue = request["queues"][number % len(request["queues"])]
    try:
        sent = app.send_task(
            request["task"],
            args=request["args"],
            kwargs={"entry": name},
            queue=queue,
            connection=connection,
            retry=False,
            **request["options"],
        )
    except Exception as error:
        print("refused {}: {}".format(type(error).__name__, error), flush=True)
        try:
            connection.close()
        except Exception as problem:
            print("refused {}: {}".format(type(problem).__name__, problem), flush=True)
        connection = app.connection_for_write()
        # What was missed meanwhile is not made up for.
        begun = time.monotonic() - number / request["rate"]
    else:
        print("sent {} {}".format(name, sent.id), flush=True)
