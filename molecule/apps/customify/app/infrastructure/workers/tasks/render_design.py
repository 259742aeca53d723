"""Renders the preview of a design."""

from __future__ import annotations

import time

from app.infrastructure.database.session import Design, session
from app.infrastructure.workers.celery_app import celery_app


@celery_app.task(name="render_design_preview")
def render_design_preview(design_id):
    """Draft, rendering, published; failed where that goes wrong."""
    try:
        with session() as current:
            current.get_one(Design, design_id).status = "rendering"
        time.sleep(0.5)
        with session() as current:
            design = current.get_one(Design, design_id)
            design.status = "published"
            design.preview_url = f"https://cdn.example.com/designs/{design_id}/preview.png"
    except Exception:
        with session() as current:
            design = current.get(Design, design_id)
            if design:
                design.status = "failed"
        raise
    return design_id
