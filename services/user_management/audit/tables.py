"""Table `audit_entries`: who did what, to whom, from where, and whether it was let happen.

Append-only by triggers, which let nothing go but what is pruned, and nothing that is younger than 30 days.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, Index, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB

from services.user_management.metadata import ID, INSTANT, metadata

# No foreign keys: an entry outlives the accounts that it names.
audit_entries: Final = Table(
    "audit_entries",
    metadata,
    Column("id", ID, primary_key=True),
    Column("at", INSTANT, nullable=False, server_default=func.now()),
    Column("actor_id", ID),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject_id", ID),
    Column("address", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("details", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    CheckConstraint("outcome IN ('ok', 'refused')", name="outcome"),
    Index(None, "actor_id", "id"),
    Index(None, "subject_id", "id"),
    Index(None, "action", "id"),
)
