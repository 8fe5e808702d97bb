"""One change at a time of how much somebody has: what counts before it adds holds the account's row."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.user_management.accounts.tables import users


async def hold(connection: AsyncConnection, user_id: UUID) -> None:
    """Hold the account until the transaction ends; rows that only refer to it are not held up.

    Raises `AppError` (UNAUTHENTICATED) when it is gone.
    """
    query = select(users.c.id).where(users.c.id == user_id).with_for_update(key_share=True)
    if (await connection.execute(query)).first() is None:
        raise AppError(ErrorCode.UNAUTHENTICATED, "This account does not exist any more.")
