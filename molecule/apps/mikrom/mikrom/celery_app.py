"""The Celery application of mikrom: `celery -A mikrom.celery_app`."""

from __future__ import annotations

import os

from celery import Celery
from celery.schedules import crontab
from kombu import Queue

from mikrom.config import settings

celery_app = Celery("mikrom", include=["mikrom.worker.tasks"])

celery_app.conf.update(
    broker_url=os.environ["CELERY_BROKER_URL"],
    result_backend=os.environ.get("CELERY_RESULT_BACKEND"),
    broker_connection_retry_on_startup=True,
    task_default_queue="mikrom:queue",
    task_queues=[Queue("mikrom:queue")],
    task_track_started=True,
    task_soft_time_limit=settings.CELERY_TASK_SOFT_TIME_LIMIT,
    task_time_limit=settings.CELERY_TASK_HARD_TIME_LIMIT,
    # An operation on a machine must not be lost with the process that runs it.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=100,
    # Ten steps. On Redis 0 is the most urgent: the lists are looked into from 0 up.
    broker_transport_options={"priority_steps": list(range(10)), "queue_order_strategy": "priority"},
    beat_schedule={
        "cleanup-old-vms": {
            "task": "mikrom.worker.tasks.cleanup_old_vms",
            "schedule": crontab(hour=2, minute=0),
        },
        "health-check": {
            "task": "mikrom.worker.tasks.health_check",
            "schedule": crontab(minute=0),
        },
        "sync-status": {
            "task": "mikrom.worker.tasks.sync_vm_status",
            "schedule": 300.0 * settings.MIKROM_BEAT_SCALE,
        },
        "weekly-report": {
            "task": "mikrom.worker.tasks.generate_report",
            "schedule": crontab(hour=9, minute=0, day_of_week="1-5"),
        },
    },
)
