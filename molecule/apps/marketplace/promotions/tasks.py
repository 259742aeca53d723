"""What the marketplace does in the background."""

from __future__ import annotations

import os
import time

from celery import Task, shared_task
from celery.utils.log import get_task_logger
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

logger = get_task_logger(__name__)

DEAD_LETTER = "dead_letter"


class NotificationError(Exception):
    """The service that delivers notifications did not take one."""


class DeadLetter(Task):
    """A task that fails for good is sent once more, to a queue that waits for somebody to fix the cause."""

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        logger.error("goes to %s: %r", DEAD_LETTER, exc)
        self.apply_async(args=args, kwargs=kwargs, queue=DEAD_LETTER, headers={"failed": task_id})


@shared_task
def check_active_promos():
    """Start the promotions whose time has come, end those whose time is over."""
    now = timezone.now().timestamp()
    promos = cache.get("promos", {})
    for promo in promos.values():
        promo["active"] = promo["starts"] <= now < promo["ends"]
    cache.set("promos", promos, None)
    active = sorted(name for name, promo in promos.items() if promo["active"])
    logger.info("%d promotions are active", len(active))
    return active


@shared_task
def cleanup_expired_promos():
    """Forget the promotions that have ended."""
    now = timezone.now().timestamp()
    promos = cache.get("promos", {})
    kept = {name: promo for name, promo in promos.items() if promo["ends"] > now}
    cache.set("promos", kept, None)
    return len(promos) - len(kept)


@shared_task
def process_notification_queue():
    """Hand over each pending notification, once."""
    pending = cache.get("notifications", [])
    cache.delete("notifications")
    for recipient in pending:
        send_notification.delay(recipient)
    return len(pending)


@shared_task(
    bind=True,
    base=DeadLetter,
    autoretry_for=(Exception,),
    retry_kwargs={"max_retries": 3, "countdown": settings.MARKETPLACE_RETRY_COUNTDOWN},
)
def send_notification(self, recipient, entry=""):
    """Deliver a notification, or try again three times."""
    if cache.get("notifications-refused"):
        raise NotificationError(f"attempt {self.request.retries + 1}: {recipient} is refused")
    logger.info("delivered")
    _note(entry)
    return {"recipient": recipient, "attempts": self.request.retries + 1}


@shared_task
def confirm_purchase(seconds=0, entry=""):
    """Work for some seconds, then write the entry to the ledger."""
    time.sleep(seconds)
    _note(entry)
    return entry


@shared_task
def await_payment(path, entry=""):
    """Wait until a payment has arrived, as a file, for ten minutes at most; then write the entry to the ledger."""
    end = time.monotonic() + 600
    while not os.path.exists(path) and time.monotonic() < end:
        time.sleep(0.1)
    _note(entry)
    return entry


@shared_task
def timeouts():
    """Return the limits that the process was given."""
    names = ("CELERY_OPERATION_TIMEOUT", "CELERY_TASK_SOFT_TIME_LIMIT", "CELERY_TASK_HARD_TIME_LIMIT")
    return {name: os.environ.get(name) for name in names}


def _note(entry):
    ledger = os.environ.get("MARKETPLACE_LEDGER")
    if ledger and entry:
        with open(ledger, "a", encoding="utf-8") as file:
            file.write(f"{entry}\n")
