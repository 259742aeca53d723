"""answer.py NODE PATTERN COUNT: answers on one connection as NODE would, for so many nodes called as PATTERN says.

PATTERN has {} for a number from 1 to COUNT. NODE may have a broker of its own, MODEL_BROKER_URL. The replies go straight
into the reply queue, as kombu's transport for Redis would put them.
"""

from __future__ import annotations

import base64
import json
import os
import sys

from celery import Celery
from kombu import Consumer

METHODS = ("ping", "active", "reserved", "scheduled", "stats", "active_queues", "registered", "conf")
# What stands in the messages, made once, for the ticket of the question.
TICKET = "00000000-ticket"


def message(node, reply):
    """Return a reply as it lies in the queue."""
    body = base64.b64encode(json.dumps({node: reply}).encode()).decode()
    return json.dumps(
        {
            "body": body,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"ticket": TICKET, "clock": 1},
            "properties": {
                "delivery_mode": 1,
                "delivery_info": {"exchange": "reply.celery.pidbox", "routing_key": ""},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": node,
            },
        }
    )


def main():
    """Answer for ever."""
    model, pattern, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    nodes = [pattern.format(number) for number in range(1, count + 1)]
    # Celery would take the variable before the argument.
    url = os.environ.pop("CELERY_BROKER_URL")
    app, asked = Celery(broker=url), Celery(broker=os.environ.get("MODEL_BROKER_URL", url))
    prepared = {}
    for method in METHODS:
        (reply,) = asked.control.broadcast(method, destination=[model], reply=True, timeout=10, limit=1)
        prepared[method] = [message(node, reply[model]) for node in nodes]
    connection = app.connection()
    channel = connection.channel()
    mailbox = app.control.mailbox(connection)
    queue = mailbox.get_queue("simulated")(channel)

    def answer(body, _message):
        if body["destination"] and not set(nodes).intersection(body["destination"]):
            return
        name = "{routing_key}.{exchange}".format(**body["reply_to"])
        with channel.conn_or_acquire() as client, client.pipeline(transaction=False) as pipe:
            pipe.lpush(name, *(text.replace(TICKET, body["ticket"]) for text in prepared[body["method"]]))
            pipe.execute()

    with Consumer(channel, [queue], callbacks=[answer], accept=["json"], no_ack=True):
        print("answering", flush=True)
        while True:
            connection.drain_events()


if __name__ == "__main__":
    main()
