"""Opening a quota account: what every new user is granted."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.quotas import rules
from services.user_management.quotas.repository import QuotaRepository


async def open_account(connection: AsyncConnection, owner_id: UUID, grant_ms: int) -> None:
    """Make the account of a new user, with its first grant, in the transaction that makes the user."""
    accounts = QuotaRepository(connection)
    await accounts.open(owner_id)
    account, entry = rules.grant(rules.Account(), grant_ms)
    await accounts.save(owner_id, account, entry)
