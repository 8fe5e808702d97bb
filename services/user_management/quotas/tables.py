"""Tables `quota_accounts` and `quota_entries`: what may still be made, and why."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Table, Text, func

from services.user_management.metadata import ID, INSTANT, metadata

quota_accounts: Final = Table(
    "quota_accounts",
    metadata,
    Column("owner_id", ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("balance_ms", BigInteger, nullable=False, server_default="0"),
    Column("reserved_ms", BigInteger, nullable=False, server_default="0"),
    Column("used_ms", BigInteger, nullable=False, server_default="0"),
    # Its name in `configs/tiers.yaml`.
    Column("tier", Text, nullable=False, server_default="standard"),
    CheckConstraint("reserved_ms >= 0", name="reserved"),
    CheckConstraint("used_ms >= 0", name="used"),
)

quota_entries: Final = Table(
    "quota_entries",
    metadata,
    Column("id", ID, primary_key=True),
    Column("owner_id", ID, ForeignKey("quota_accounts.owner_id", ondelete="CASCADE"), nullable=False),
    Column("job_id", ID),
    Column("kind", Text, nullable=False),
    Column("amount_ms", BigInteger, nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    CheckConstraint("kind IN ('grant', 'reserve', 'settle', 'release')", name="kind"),
    Index(None, "owner_id", "id"),
)
# The last line of defence: no job is debited, settled or released twice.
Index(
    "quota_entries_one_debit_idx",
    quota_entries.c.job_id,
    unique=True,
    postgresql_where=quota_entries.c.kind == "reserve",
)
Index(
    "quota_entries_one_credit_idx",
    quota_entries.c.job_id,
    unique=True,
    postgresql_where=quota_entries.c.kind.in_(("settle", "release")),
)
