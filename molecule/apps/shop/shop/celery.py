"""The Celery application of the shop: `celery -A shop.celery`."""

from __future__ import annotations

import os

from celery import Celery
from celery.schedules import crontab

app = Celery("shop", include=["shop.tasks"])

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
