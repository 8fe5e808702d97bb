"""Tables `sessions` and `refresh_tokens`: which devices are signed in."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ARRAY, Column, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint, func

from services.user_management.metadata import ID, INSTANT, metadata

# A session is a family of refresh tokens: the first is made at sign-in, each later one by using its predecessor.
sessions: Final = Table(
    "sessions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("user_id", ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("address", Text, nullable=False, server_default=""),
    Column("user_agent", Text, nullable=False, server_default=""),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("last_used_at", INSTANT, nullable=False, server_default=func.now()),
    Column("expires_at", INSTANT, nullable=False),
    Column("revoked_at", INSTANT),
    # Of a browser's session: the SHA-256 of the secret in its cookie. Such a session has no refresh tokens.
    Column("secret_sha256", LargeBinary, unique=True),
    Index(None, "user_id", "id"),
    Index(None, "expires_at"),
)
Index("sessions_revoked_at_idx", sessions.c.revoked_at, postgresql_where=sessions.c.revoked_at.is_not(None))

# Only the SHA-256 of a token is kept: 256 random bits need no slow hash.
refresh_tokens: Final = Table(
    "refresh_tokens",
    metadata,
    Column("token_sha256", LargeBinary, primary_key=True),
    Column("session_id", ID, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("used_at", INSTANT),
    Index(None, "session_id"),
)

# For when the second factor is lost; each works once.
recovery_codes: Final = Table(
    "recovery_codes",
    metadata,
    Column("user_id", ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("code_sha256", LargeBinary, primary_key=True),
    Column("used_at", INSTANT),
)

# Whom an identity provider vouches for (OpenID Connect Core §2: issuer and subject together name a person for ever).
identities: Final = Table(
    "identities",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("user_id", ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("last_used_at", INSTANT, nullable=False, server_default=func.now()),
    # One person a provider: an address that has passed to somebody else there does not open its old owner's account.
    UniqueConstraint("user_id", "issuer"),
)

# `prefix` is the beginning of the secret, for its owner to know it by.
api_keys: Final = Table(
    "api_keys",
    metadata,
    Column("id", ID, primary_key=True),
    Column("user_id", ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("secret_sha256", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("expires_at", INSTANT),
    Column("last_used_at", INSTANT),
    Column("revoked_at", INSTANT),
    Index(None, "user_id", "id"),
)
