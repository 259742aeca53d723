"""Settings from the environment."""

from __future__ import annotations

import os

DATABASE_URL = os.environ["DATABASE_URL"]
BROKER_URL = os.environ["CELERY_BROKER_URL"]


def sync_database_url():
    """The web part speaks to PostgreSQL asynchronously; workers cannot."""
    return DATABASE_URL.replace("+asyncpg", "+psycopg")


def celery_database_url():
    """The same for Celery's result backend."""
    return f"db+{sync_database_url()}"
