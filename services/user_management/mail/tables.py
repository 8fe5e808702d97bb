"""Tables `mails` (what is to be sent), `mail_tokens` (what a mail's link proves), `mail_counts` (who got how many)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, func

from services.user_management.metadata import ID, INSTANT, metadata

# Committed together with what it tells of; deleted once it is delivered, because its text may hold a token.
mails: Final = Table(
    "mails",
    metadata,
    Column("id", ID, primary_key=True),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("unsubscribe_url", Text, nullable=False, server_default=""),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("due_at", INSTANT, nullable=False, server_default=func.now()),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Index(None, "due_at"),
)

# `email` is the address that the token proves, or that is to become the account's.
mail_tokens: Final = Table(
    "mail_tokens",
    metadata,
    Column("token_sha256", LargeBinary, primary_key=True),
    Column("user_id", ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("expires_at", INSTANT, nullable=False),
    # Since when it proves nothing more; kept while it lasts, for whoever opens the link once more.
    Column("used_at", INSTANT),
    CheckConstraint("purpose IN ('verify', 'reset', 'change')", name="purpose"),
    Index(None, "user_id", "purpose"),
    Index(None, "expires_at"),
)

# Of mails that strangers may cause: rows of `mails` go when they are delivered, so they cannot be counted there. The
# address stands here as a hash, because it may be of somebody who has no account.
mail_counts: Final = Table(
    "mail_counts",
    metadata,
    Column("recipient_sha256", LargeBinary, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("since", INSTANT, nullable=False, server_default=func.now()),
    Column("posted", Integer, nullable=False, server_default="1"),
    Index(None, "since"),
)
