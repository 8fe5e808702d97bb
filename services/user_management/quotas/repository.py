"""SQL of quota accounts and their entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.ids import new_id
from services.user_management.guests.tables import guests
from services.user_management.jobs.tables import job_counters
from services.user_management.quotas.rules import Account, Entry
from services.user_management.quotas.tables import quota_accounts, quota_entries
from services.user_management.quotas.tiers import DEFAULT_TIER

_BALANCES = (quota_accounts.c.balance_ms, quota_accounts.c.reserved_ms, quota_accounts.c.used_ms)


# Ids are made a little before the transaction's time, by clocks of other machines.
_MARGIN: Final = timedelta(hours=1)
# Any number will do, as long as nobody else takes it: "guestsum" in ASCII.
_MAKING: Final = 0x67756573_7473756D


def _first_id(start: datetime) -> UUID:
    """The least UUIDv7 (RFC 9562 §5.7) of an instant."""
    return UUID(int=int(start.timestamp() * 1000) << 80)


def _of_guests(entries: FromClause, which: ColumnElement[bool] | None = None) -> ColumnElement[bool]:
    """Of whoever is a guest, or was one when it was entered."""
    were = select(guests.c.user_id).where(
        guests.c.user_id == entries.c.owner_id,
        or_(guests.c.signed_up_at.is_(None), entries.c.created_at < guests.c.signed_up_at),
    )
    found = select(guests.c.user_id) if which is None else select(guests.c.user_id).where(which)
    # The list first, so that the index of these owners' entries is read, and no others.
    return entries.c.owner_id.in_(found) & were.exists()


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

    async def tier(self, owner_id: UUID) -> str:
        """The name of the account's tier."""
        query = select(quota_accounts.c.tier).where(quota_accounts.c.owner_id == owner_id)
        return str((await self._connection.execute(query)).scalar_one_or_none() or DEFAULT_TIER)

    async def set_tier(self, owner_id: UUID, tier: str) -> None:
        """Give the account another tier."""
        changed = update(quota_accounts).where(quota_accounts.c.owner_id == owner_id)
        await self._connection.execute(changed.values(tier=tier))

    async def made_since(self, owner_id: UUID, start: datetime) -> int:
        """Milliseconds that jobs asked for since then have made or hold: their reservations less what came back."""
        return await self._made_since(lambda entries: entries.c.owner_id == owner_id, start)

    async def made_by_neighbours_since(self, guest_id: UUID, start: datetime) -> int:
        """The same for all guests of a guest's network, once it is the caller's turn; 0 for nobody's."""
        network = (
            await self._connection.execute(select(guests.c.network).where(guests.c.user_id == guest_id))
        ).scalar_one_or_none()
        if network is None:
            return 0
        return await self._made_since(lambda entries: _of_guests(entries, guests.c.network == network), start)

    async def made_by_guests_since(self, start: datetime) -> int:
        """The same for all guests of the server, once it is the caller's turn."""
        return await self._made_since(_of_guests, start)

    async def guests_turn(self) -> None:
        """Wait until no other guest is having something made; until the transaction ends none will."""
        await self._connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MAKING})

    async def _made_since(self, whose: Callable[[FromClause], ColumnElement[bool]], start: datetime) -> int:
        debit, credit = quota_entries.alias("debit"), quota_entries.alias("credit")
        came_back = (credit.c.job_id == debit.c.job_id) & credit.c.kind.in_(("settle", "release"))
        net = -debit.c.amount_ms - func.coalesce(credit.c.amount_ms, 0)
        query = (
            select(func.coalesce(func.sum(net), 0))
            .select_from(debit.outerjoin(credit, came_back))
            .where(
                whose(debit),
                debit.c.kind == "reserve",
                debit.c.created_at >= start,
                # Ids sort by time (UUIDv7): the index of an owner's entries is read from here on.
                debit.c.id >= _first_id(start - _MARGIN),
            )
        )
        return int((await self._connection.execute(query)).scalar_one())

    async def jobs_at_once(self, owner_id: UUID) -> int:
        """How many of the account's jobs wait or run, by the kept counters."""
        query = select(func.coalesce(func.sum(job_counters.c.queued + job_counters.c.running), 0)).where(
            job_counters.c.queue.in_(("generation", "processing")), job_counters.c.owner_id == owner_id
        )
        return int((await self._connection.execute(query)).scalar_one())

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
