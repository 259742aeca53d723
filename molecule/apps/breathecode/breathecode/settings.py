"""Settings from the environment, those of Celery with its prefix."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

database = urlsplit(os.environ["DATABASE_URL"])

SECRET_KEY = "only signs what this sample never sends"
TIME_ZONE = "UTC"
USE_TZ = True
INSTALLED_APPS = ["task_manager"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# pgbouncer gives a server to a transaction, not to a connection.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database.path.lstrip("/"),
        "USER": database.username,
        "PASSWORD": unquote(database.password or ""),
        "HOST": database.hostname,
        "PORT": database.port,
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {"prepare_threshold": None, "connect_timeout": 60},
    }
}

CELERY_BROKER_URL = os.environ["CELERY_BROKER_URL"]
CELERY_RESULT_BACKEND = os.environ.get("CELERY_RESULT_BACKEND", "rpc://")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# As hosted RabbitMQ asks for: TCP's keepalive is to find dead connections, and heartbeats are not.
CELERY_BROKER_HEARTBEAT = 0
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TRACK_STARTED = True
