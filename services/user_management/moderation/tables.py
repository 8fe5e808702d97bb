"""Table `reports`: what somebody told moderators of, and what became of it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text, func, text

from services.user_management.metadata import ID, INSTANT, metadata

# `subject_id` has no foreign key: that a thing was reported outlives the thing. It goes with its owner's account.
reports: Final = Table(
    "reports",
    metadata,
    Column("id", ID, primary_key=True),
    Column("reporter_id", ID, ForeignKey("users.id", ondelete="SET NULL")),
    Column("kind", Text, nullable=False),
    Column("subject_id", ID, nullable=False),
    Column("owner_id", ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    # What it was called or said when it was reported, whatever becomes of it.
    Column("subject_text", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("details", Text, nullable=False, server_default=""),
    Column("status", Text, nullable=False, server_default="open"),
    Column("decision", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("decided_by", ID, ForeignKey("users.id", ondelete="SET NULL")),
    Column("decided_at", INSTANT),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    CheckConstraint("kind IN ('track', 'user', 'comment')", name="kind"),
    CheckConstraint("status IN ('open', 'dismissed', 'acted')", name="status"),
    Index(None, "status", "id"),
    Index(None, "reporter_id", "id"),
    Index(None, "reporter_id", "kind", "subject_id", unique=True, postgresql_where=text("status = 'open'")),
    Index(None, "kind", "subject_id", postgresql_where=text("status = 'open'")),
    Index(None, "owner_id"),
    Index(None, "decided_by"),
)
