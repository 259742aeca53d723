"""What the API does: `python -m app.designs create [COUNT] | show ID | tables`."""

from __future__ import annotations

import json
import sys

from app.infrastructure.database.session import Base, Design, engine, session
from app.infrastructure.workers.celery_app import celery_app


def create(count=1):
    """Make designs, and send the tasks that render them. Return the last one's id."""
    for _number in range(int(count)):
        with session() as current:
            design = Design()
            current.add(design)
        celery_app.send_task("render_design_preview", args=[design.id])
    return design.id


def show(design_id):
    """Tell how far it is."""
    with session() as current:
        design = current.get_one(Design, design_id)
        return {"id": design.id, "status": design.status, "preview_url": design.preview_url}


def tables():
    """Make the tables, where they are missing."""
    Base.metadata.create_all(engine)


if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    print(json.dumps({"create": create, "show": show, "tables": tables}[verb](*arguments)))
