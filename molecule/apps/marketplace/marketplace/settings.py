"""Django's settings. What starts with CELERY_ is Celery's."""

from __future__ import annotations

import os

# Nobody is served over HTTP here, so nothing is signed.
SECRET_KEY = os.environ.get("MARKETPLACE_SECRET_KEY", "not secret")
INSTALLED_APPS = ["promotions"]
USE_TZ = True
TIME_ZONE = "UTC"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ["CELERY_RESULT_BACKEND"],
        "KEY_PREFIX": "marketplace",
    }
}

CELERY_BROKER_URL = os.environ["CELERY_BROKER_URL"]
CELERY_RESULT_BACKEND = os.environ["CELERY_RESULT_BACKEND"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_TRACK_STARTED = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
CELERY_WORKER_POOL_RESTARTS = True
CELERY_TASK_SOFT_TIME_LIMIT = int(os.environ.get("CELERY_TASK_SOFT_TIME_LIMIT", 180))
CELERY_TASK_TIME_LIMIT = int(os.environ.get("CELERY_TASK_HARD_TIME_LIMIT", 240))

CELERY_WORKER_LOG_FORMAT = "[%(asctime)s: %(levelname)s/%(processName)s] %(message)s"
CELERY_WORKER_TASK_LOG_FORMAT = "[%(asctime)s: %(levelname)s/%(processName)s][%(task_name)s(%(task_id)s)] %(message)s"

MARKETPLACE_RETRY_COUNTDOWN = float(os.environ.get("MARKETPLACE_RETRY_COUNTDOWN", 60))
MARKETPLACE_BEAT_SCALE = float(os.environ.get("MARKETPLACE_BEAT_SCALE", 1))

CELERY_BEAT_SCHEDULE = {
    "check-flash-promos-every-minute": {
        "task": "promotions.tasks.check_active_promos",
        "schedule": 60.0 * MARKETPLACE_BEAT_SCALE,
    },
    "cleanup-expired-promos-every-hour": {
        "task": "promotions.tasks.cleanup_expired_promos",
        "schedule": 3600.0 * MARKETPLACE_BEAT_SCALE,
    },
    "process-notification-queue-every-30s": {
        "task": "promotions.tasks.process_notification_queue",
        "schedule": 30.0 * MARKETPLACE_BEAT_SCALE,
    },
}
