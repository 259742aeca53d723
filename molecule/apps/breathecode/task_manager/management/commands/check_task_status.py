"""Counts the deliveries by state, and those of a state that are older than some hours."""

from __future__ import annotations

import json
from datetime import timedelta

from django.core.management.base import BaseCommand
from django.db.models import Count
from django.utils import timezone

from task_manager.models import Delivery


class Command(BaseCommand):
    """`manage.py check_task_status [--hours=24]`."""

    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("--hours", type=float, default=24)

    def handle(self, **options):
        before = timezone.now() - timedelta(hours=options["hours"])
        states = Delivery.objects.values_list("status").annotate(Count("id"))
        stuck = Delivery.objects.exclude(status="DONE").filter(created_at__lt=before).count()
        self.stdout.write(json.dumps({"by_state": dict(states), "stuck": stuck}))
