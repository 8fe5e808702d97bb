"""SQL of identities."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.auth.identity_rules import Identity
from services.user_management.auth.tables import identities


class IdentityRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, identity: Identity) -> None:
        """Let one sign-in of this identity at a time make or link its account; until the transaction ends."""
        key = f"{identity.issuer}\n{identity.subject}"
        await self._connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0x6964656e))"), {"key": key}
        )

    async def owner(self, identity: Identity) -> UUID | None:
        """The account that the identity opens."""
        query = select(identities.c.user_id).where(
            identities.c.issuer == identity.issuer, identities.c.subject == identity.subject
        )
        return (await self._connection.execute(query)).scalar_one_or_none()

    async def has(self, user_id: UUID, issuer: str = "") -> bool:
        """Whether somebody of a provider opens the account; without an issuer: of any."""
        query = select(identities.c.user_id).where(identities.c.user_id == user_id).limit(1)
        if issuer:
            query = query.where(identities.c.issuer == issuer)
        return (await self._connection.execute(query)).first() is not None

    async def add(self, identity: Identity, user_id: UUID) -> None:
        """Let the identity open the account from now on."""
        await self._connection.execute(
            insert(identities).values(issuer=identity.issuer, subject=identity.subject, user_id=user_id)
        )

    async def touch(self, identity: Identity) -> None:
        """Remember that it was used."""
        used = update(identities).where(
            identities.c.issuer == identity.issuer, identities.c.subject == identity.subject
        )
        await self._connection.execute(used.values(last_used_at=func.now()))

    async def forget_all(self, user_id: UUID) -> int:
        """Let no identity open the account any more; how many did."""
        gone = delete(identities).where(identities.c.user_id == user_id)
        return (await self._connection.execute(gone)).rowcount
