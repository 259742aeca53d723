"""What is known of each delivery."""

from __future__ import annotations

from django.db import models


class Delivery(models.Model):
    """A row for each thing to deliver: PENDING until a worker has it, then DONE or ERROR."""

    entry = models.CharField(max_length=64, unique=True)
    status = models.CharField(max_length=16, default="PENDING", db_index=True)
    attempts = models.IntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self):
        return f"{self.entry}: {self.status}"
