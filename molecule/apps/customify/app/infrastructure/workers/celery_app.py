"""The Celery application: `celery -A app.infrastructure.workers.celery_app:celery_app`."""

from __future__ import annotations

from celery import Celery

from app.config import BROKER_URL, celery_database_url

celery_app = Celery(
    "customify_workers",
    broker=BROKER_URL,
    backend=celery_database_url(),
    include=["app.infrastructure.workers.tasks.render_design", "app.infrastructure.workers.tasks.send_email"],
)

celery_app.conf.update(
    broker_connection_retry_on_startup=True,
    # As the document's Celery 5.3: it never notices a connection that no longer brings tasks. 5.7 does after 26 s.
    broker_transport_options={"health_check_interval": 0},
    task_default_queue="default",
    task_routes={
        "render_design_preview": {"queue": "high_priority"},
        "send_email": {"queue": "default"},
    },
    task_annotations={
        "render_design_preview": {"rate_limit": "10/m", "time_limit": 300, "soft_time_limit": 240},
    },
    task_track_started=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=1000,
)


@celery_app.task(bind=True)
def debug_task(self):
    """Answer with the node that runs it."""
    return self.request.hostname
