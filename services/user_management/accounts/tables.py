"""Table `users`: who has an account."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Computed, Index, LargeBinary, Table, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

from services.user_management.metadata import ID, INSTANT, metadata
from services.user_management.revisions import revision_column

# `email_folded` is what makes addresses unique without regard to case; `email` is as it was typed. Without a
# `password_hash` nobody can sign in (the local owner of a single-user install).
users: Final = Table(
    "users",
    metadata,
    Column("id", ID, primary_key=True),
    Column("username", Text, nullable=False, unique=True),
    Column("email", Text, nullable=False),
    Column("email_folded", Text, nullable=False, unique=True),
    Column("full_name", Text, nullable=False, server_default=""),
    Column("role", Text, nullable=False, server_default="user"),
    Column("password_hash", Text),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("email_verified_at", INSTANT),
    # Since when all that opens the account was set by whoever reads its mails; none: somebody else may have set it,
    # who registered the address before its owner confirmed it.
    Column("owned_since", INSTANT),
    Column("suspended_at", INSTANT),
    Column("suspended_reason", Text, nullable=False, server_default=""),
    Column("deletion_due_at", INSTANT),
    # The second factor's secret, encrypted (`auth.sealing`), and the last time step that was used (RFC 6238 §5.2).
    Column("totp_sealed", LargeBinary),
    Column("totp_confirmed_at", INSTANT),
    Column("totp_last_step", BigInteger, nullable=False, server_default="0"),
    # What others see beside the username.
    Column("display_name", Text, nullable=False, server_default=""),
    Column("bio", Text, nullable=False, server_default=""),
    Column("links", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column(
        "names",
        TSVECTOR,
        Computed("to_tsvector('simple', translate(username || ' ' || display_name, '-', ' '))", persisted=True),
    ),
    # Of what its owner says about themselves, not of what opens the account.
    revision_column(),
    Index(None, "names", postgresql_using="gin"),
    CheckConstraint("username = lower(username)", name="username_lower"),
    CheckConstraint("role IN ('guest', 'user', 'moderator', 'admin')", name="role"),
)
Index("users_deletion_due_at_idx", users.c.deletion_due_at, postgresql_where=users.c.deletion_due_at.is_not(None))
