"""Tables `webhooks` (who hears what, where) and `webhook_deliveries` (what is to be told, and what came of it)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)

from services.user_management.metadata import ID, INSTANT, metadata

# A row with `one_off` signs what goes to the addresses that requests name themselves (`webhook_url`): one an account,
# without an address, in no list.
webhooks: Final = Table(
    "webhooks",
    metadata,
    Column("id", ID, primary_key=True),
    Column("owner_id", ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("events", ARRAY(Text), nullable=False),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("one_off", Boolean, nullable=False, server_default=text("false")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    # Why it was switched off by the platform; empty: it was not.
    Column("disabled_reason", Text, nullable=False, server_default=""),
    # Deliveries that were given up since the last one that arrived.
    Column("dead_in_a_row", Integer, nullable=False, server_default="0"),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("last_succeeded_at", INSTANT),
    Column("last_failed_at", INSTANT),
    Index(None, "owner_id", "id"),
    Index("webhooks_one_off_idx", "owner_id", unique=True, postgresql_where=text("one_off")),
)

# Committed together with what it tells of: neither a crash nor a lost message of Celery's loses one.
webhook_deliveries: Final = Table(
    "webhook_deliveries",
    metadata,
    Column("id", ID, primary_key=True),
    Column("webhook_id", ID, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("owner_id", ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("event", Text, nullable=False),
    # Where a request named the address itself; empty: the webhook's.
    Column("url", Text, nullable=False, server_default=""),
    Column("body", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="pending"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # When it is sent, or sent again should whoever took it have died.
    Column("due_at", INSTANT, nullable=False, server_default=func.now()),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("finished_at", INSTANT),
    # Of the last attempt.
    Column("response_status", SmallInteger),
    Column("error", Text, nullable=False, server_default=""),
    CheckConstraint("status IN ('pending', 'succeeded', 'dead')", name="status"),
    CheckConstraint("(status = 'pending') = (finished_at IS NULL)", name="finished"),
    Index(None, "webhook_id", "id"),
    Index("webhook_deliveries_due_idx", "webhook_id", "due_at", postgresql_where=text("status = 'pending'")),
    Index("webhook_deliveries_dead_idx", "owner_id", "id", postgresql_where=text("status = 'dead'")),
    Index("webhook_deliveries_finished_idx", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
)
