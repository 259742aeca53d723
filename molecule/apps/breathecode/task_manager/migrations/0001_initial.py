from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """The table of deliveries."""

    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("entry", models.CharField(max_length=64, unique=True)),
                ("status", models.CharField(db_index=True, default="PENDING", max_length=16)),
                ("attempts", models.IntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
        ),
    )
