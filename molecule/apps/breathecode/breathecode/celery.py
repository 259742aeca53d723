"""The Celery application: `celery -A breathecode.celery`."""

from __future__ import annotations

import os
import time

from celery import Celery
from celery.signals import before_task_publish

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "breathecode.settings")

app = Celery("breathecode")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@before_task_publish.connect
def stamp(properties=None, **_):
    """RabbitMQ tells how long the next message waits only if it says when it was sent, which Celery does not."""
    properties["timestamp"] = int(time.time())
