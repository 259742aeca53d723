"""What the environment says."""

from __future__ import annotations

import os
from dataclasses import dataclass


def _seconds(name, default):
    return float(os.environ.get(name, default))


@dataclass(frozen=True)
class Settings:
    """Seconds, unless the name says otherwise."""

    ANSIBLE_PLAYBOOK_TIMEOUT: float = _seconds("ANSIBLE_PLAYBOOK_TIMEOUT", 120)
    ANSIBLE_SSH_TIMEOUT: float = _seconds("ANSIBLE_SSH_TIMEOUT", 30)
    CELERY_TASK_SOFT_TIME_LIMIT: float = _seconds("CELERY_TASK_SOFT_TIME_LIMIT", 180)
    CELERY_TASK_HARD_TIME_LIMIT: float = _seconds("CELERY_TASK_HARD_TIME_LIMIT", 240)
    MIKROM_BEAT_SCALE: float = _seconds("MIKROM_BEAT_SCALE", 1)


settings = Settings()
