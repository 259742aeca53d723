"""Sends nothing: it only notes that it would have."""

from __future__ import annotations

import os

from app.infrastructure.workers.celery_app import celery_app


@celery_app.task(name="send_email")
def send_email(to="", entry=""):
    """Note the entry in the ledger."""
    with open(os.environ["CUSTOMIFY_LEDGER"], "a", encoding="utf-8") as file:
        file.write(f"{entry}\n")
    return to
