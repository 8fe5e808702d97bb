"""Table `projects`: folders of somebody's own tracks."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Table, Text, func

from services.user_management.metadata import ID, INSTANT, metadata
from services.user_management.revisions import revision_column

projects: Final = Table(
    "projects",
    metadata,
    Column("id", ID, primary_key=True),
    Column("owner_id", ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    revision_column(),
    Index(None, "owner_id", "id"),
)
