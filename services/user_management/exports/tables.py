"""Table `account_exports`: what people asked for of everything that is theirs; one row an account."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, func, text

from services.user_management.metadata import ID, INSTANT, metadata

account_exports: Final = Table(
    "account_exports",
    metadata,
    Column("owner_id", ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("id", ID, nullable=False),
    Column("status", Text, nullable=False, server_default="queued"),
    # Claims so far; who has claimed it last is the only one who may write.
    Column("attempts", Integer, nullable=False, server_default="0"),
    # When it may be claimed: at once, or when the worker that has it lets its lease run out.
    Column("due_at", INSTANT, nullable=False, server_default=func.now()),
    Column("files", Integer, nullable=False, server_default="0"),
    Column("files_done", Integer, nullable=False, server_default="0"),
    Column("object_key", Text, nullable=False, server_default=""),
    Column("size_bytes", BigInteger, nullable=False, server_default="0"),
    Column("sha256", Text, nullable=False, server_default=""),
    Column("error", Text, nullable=False, server_default=""),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("finished_at", INSTANT),
    Column("expires_at", INSTANT),
    CheckConstraint("status IN ('queued', 'running', 'ready', 'failed')", name="status"),
    Index("account_exports_due_idx", "due_at", postgresql_where=text("status IN ('queued', 'running')")),
    Index("account_exports_expires_idx", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
)
