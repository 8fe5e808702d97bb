"""Table `guests`: who tries the platform without an account, and what they asked to become."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Table, Text, func

from services.user_management.metadata import ID, INSTANT, metadata

# A guest is a row of `users` with the role `guest`, so that everything it makes belongs to somebody. The row here goes
# with it, or a day after the guest became an account: until then what it made as a guest counts.
guests: Final = Table(
    "guests",
    metadata,
    Column("user_id", ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    # Of the address that it began at (`shared.networks`): what all its guests make is counted together.
    Column("network", Text, nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("signed_up_at", INSTANT),
    # A sign-up that waits for its mail to be answered; none while `wanted_email` is empty.
    Column("wanted_username", Text, nullable=False, server_default=""),
    Column("wanted_email", Text, nullable=False, server_default=""),
    Column("wanted_full_name", Text, nullable=False, server_default=""),
    Column("wanted_password_hash", Text, nullable=False, server_default=""),
    Index(None, "network"),
)
