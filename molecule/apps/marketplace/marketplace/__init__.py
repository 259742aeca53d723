"""Django loads the Celery application, so that shared tasks find it."""

from marketplace.celery import app as celery_app

__all__ = ["celery_app"]
