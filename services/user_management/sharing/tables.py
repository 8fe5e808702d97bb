"""Table `share_links`: what opens one track for whoever holds it. A link that was revoked is gone."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Table, Text, func

from services.user_management.metadata import ID, INSTANT, metadata

share_links: Final = Table(
    "share_links",
    metadata,
    Column("id", ID, primary_key=True),
    Column("track_id", ID, ForeignKey("tracks.id", ondelete="CASCADE"), nullable=False),
    Column("token_sha256", LargeBinary, nullable=False, unique=True),
    Column("prefix", Text, nullable=False),
    Column("password_hash", Text),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("expires_at", INSTANT),
    Column("opened_count", BigInteger, nullable=False, server_default="0"),
    Column("last_opened_at", INSTANT),
    Index(None, "track_id", "id"),
)
