"""Designs in the database, for workers."""

from __future__ import annotations

import contextlib
import uuid

from sqlalchemy import String, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from app.config import sync_database_url

engine = create_engine(sync_database_url(), pool_size=10, max_overflow=5, pool_pre_ping=True)


class Base(DeclarativeBase):
    """What the tables are made from."""


class Design(Base):
    """A design: draft until a worker renders it, then published or failed."""

    __tablename__ = "designs"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=lambda: str(uuid.uuid4()))
    status: Mapped[str] = mapped_column(String(16), default="draft")
    preview_url: Mapped[str | None] = mapped_column(String(200))


@contextlib.contextmanager
def session():
    """A session that is committed at the end, and rolled back on an error."""
    with Session(engine, expire_on_commit=False) as current, current.begin():
        yield current
