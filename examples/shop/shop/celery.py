"""The Celery application of the shop: `celery -A shop.celery`."""

from __future__ import annotations

import json
import os

from celery import Celery
from celery.schedules import crontab

app = Celery("shop", include=["shop.tasks"] + (["shop.faults"] if os.environ.get("SHOP_FAULTS") else []))

app.conf.update(
    broker_url=os.environ["CELERY_BROKER_URL"],
    result_backend=os.environ.get("CELERY_RESULT_BACKEND"),
    broker_connection_retry_on_startup=True,
    task_default_queue="default",
    task_track_started=True,
    task_routes={
        "shop.tasks.refund": {"queue": "high_priority"},
        "shop.tasks.report": {"queue": "reports"},
    },
    beat_schedule={
        "every-two-seconds": {
            "task": "shop.tasks.tick",
            "schedule": 2.0,
            "args": ["interval"],
        },
        "every-minute": {
            "task": "shop.tasks.tick",
            "schedule": crontab(),
            "args": ["crontab"],
        },
    },
)

if os.environ.get("SHOP_TRUSTS_ITS_SOCKETS"):
    # As applications did that say nothing of it, before kombu 5.7: a connection that died without a word is never missed.
    app.conf.broker_transport_options = {"socket_timeout": None, "health_check_interval": 86400}

# Settings of one worker, which an operator may write and spoil. Read before the worker does anything else.
if os.path.exists(os.environ.get("SHOP_SETTINGS", "")):
    with open(os.environ["SHOP_SETTINGS"], encoding="utf-8") as file:
        app.conf.update(json.load(file))
