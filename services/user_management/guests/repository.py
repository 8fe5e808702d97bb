"""SQL of guests."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.accounts.tables import users
from services.user_management.accounts.user import NewUser
from services.user_management.guests.rules import GUEST
from services.user_management.guests.tables import guests

# A guest goes so long after its session has ended, so that nobody is swept while they can still call.
GUEST_MARGIN: Final = timedelta(hours=1)
# What a day's sums need, which end at midnight.
_REMEMBERED: Final = timedelta(days=1)
# Any number will do, as long as nobody else takes it: "guestnew" in ASCII.
_ENTERING: Final = 0x67756573_746E6577


class GuestRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def count(self) -> int:
        """How many there are; until the transaction ends nobody else makes one."""
        await self._connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ENTERING})
        query = select(func.count()).select_from(guests).where(guests.c.signed_up_at.is_(None))
        return int((await self._connection.execute(query)).scalar_one())

    async def add(self, user_id: UUID, network: str) -> None:
        """Write down that an account is a guest's, and where it began."""
        await self._connection.execute(insert(guests).values(user_id=user_id, network=network))

    async def stay(self, user_id: UUID, stay: timedelta) -> None:
        """Let a guest, and nobody else, be for so long from now on, unless it may be for longer."""
        due = func.greatest(users.c.deletion_due_at, func.now() + stay)
        changed = update(users).where(users.c.id == user_id, users.c.role == GUEST)
        await self._connection.execute(changed.values(deletion_due_at=due))

    async def want(self, user_id: UUID, wanted: NewUser) -> None:
        """Keep what a guest asked to become until its mail is answered, in the place of what it asked before."""
        await self._connection.execute(
            update(guests)
            .where(guests.c.user_id == user_id)
            .values(
                wanted_username=wanted.username,
                wanted_email=wanted.email,
                wanted_full_name=wanted.full_name,
                wanted_password_hash=wanted.password_hash,
            )
        )

    async def wanted(self, user_id: UUID) -> NewUser | None:
        """What a guest asked to become; None when it did not."""
        query = select(
            guests.c.wanted_username,
            guests.c.wanted_email,
            guests.c.wanted_full_name,
            guests.c.wanted_password_hash,
        ).where(guests.c.user_id == user_id, guests.c.wanted_email != "")
        row = (await self._connection.execute(query)).first()
        return NewUser(row[0], row[1], row[2], password_hash=row[3]) if row else None

    async def forget(self, user_id: UUID) -> None:
        """The account is no guest's any more; that it was stays known for a day."""
        await self._connection.execute(
            update(guests)
            .where(guests.c.user_id == user_id)
            .values(
                signed_up_at=func.now(),
                wanted_username="",
                wanted_email="",
                wanted_full_name="",
                wanted_password_hash="",
            )
        )

    async def forget_members(self) -> None:
        """Forget which accounts were guests, once nothing that they made as such counts any more."""
        await self._connection.execute(delete(guests).where(guests.c.signed_up_at < func.now() - _REMEMBERED))
