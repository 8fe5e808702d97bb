"""Tables `mixes` and `mix_versions`: sessions that people work on, and what each of them once was."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from services.user_management.metadata import ID, INSTANT, metadata

mixes: Final = Table(
    "mixes",
    metadata,
    Column("id", ID, primary_key=True),
    Column("owner_id", ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("title", Text, nullable=False),
    # Number of the newest version.
    Column("version", Integer, nullable=False),
    # Of all its versions' sessions, as they were sent.
    Column("bytes", BigInteger, nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("updated_at", INSTANT, nullable=False, server_default=func.now()),
    Index(None, "owner_id", "id"),
)

mix_versions: Final = Table(
    "mix_versions",
    metadata,
    Column("mix_id", ID, ForeignKey("mixes.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("session", JSONB, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("restored_from", Integer, nullable=False, server_default="0"),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
)
