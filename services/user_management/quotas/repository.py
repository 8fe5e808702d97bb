"""SQL of quota accounts and their entries."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.ids import new_id
from services.user_management.quotas.rules import Account, Entry
from services.user_management.quotas.tables import quota_accounts, quota_entries

_BALANCES = (quota_accounts.c.balance_ms, quota_accounts.c.reserved_ms, quota_accounts.c.used_ms)


class QuotaRepository:
    """Works within the caller's transaction. Locks come after those on jobs and counters."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def open(self, owner_id: UUID) -> None:
        """Make an empty account."""
        await self._connection.execute(insert(quota_accounts).values(owner_id=owner_id))

    async def get(self, owner_id: UUID) -> Account:
        """The account as it stands; an empty one when there is none."""
        row = (await self._connection.execute(select(*_BALANCES).where(quota_accounts.c.owner_id == owner_id))).first()
        return Account(*row) if row else Account()

    async def lock(self, owner_id: UUID) -> Account:
        """The account, locked until the transaction ends."""
        query = select(*_BALANCES).where(quota_accounts.c.owner_id == owner_id).with_for_update()
        row = (await self._connection.execute(query)).first()
        return Account(*row) if row else Account()

    async def save(self, owner_id: UUID, account: Account, entry: Entry, job_id: UUID | None = None) -> None:
        """Write a locked account and the entry that explains its change."""
        await self._connection.execute(
            update(quota_accounts).where(quota_accounts.c.owner_id == owner_id).values(asdict(account))
        )
        await self._connection.execute(
            insert(quota_entries).values(
                id=UUID(new_id()), owner_id=owner_id, job_id=job_id, kind=entry.kind.value, amount_ms=entry.amount_ms
            )
        )
