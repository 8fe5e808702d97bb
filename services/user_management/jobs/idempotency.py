"""What makes a repeated POST harmless: the key is stored in the transaction of its effect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.user_management.jobs.tables import idempotency_keys

KEPT: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's key for one call of one route, and the SHA-256 of its canonical body."""

    route: str
    key: str
    body_sha256: bytes


class IdempotencyRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def claim(self, owner_id: UUID, key: IdempotencyKey, job_id: UUID) -> UUID | None:
        """Tie the key to `job_id`, or answer the job that it is tied to already.

        Waits for another transaction that is tying the same key. Raises `AppError` (IDEMPOTENCY_MISMATCH) when the
        earlier body was another one.
        """
        values = {
            "owner_id": owner_id,
            "route": key.route,
            "key": key.key,
            "body_sha256": key.body_sha256,
            "job_id": job_id,
            "expires_at": func.now() + KEPT,
        }
        columns = idempotency_keys.c
        statement = insert(idempotency_keys).values(values)
        taken = statement.on_conflict_do_update(
            index_elements=[columns.owner_id, columns.route, columns.key],
            set_={name: statement.excluded[name] for name in ("body_sha256", "job_id", "expires_at")},
            where=columns.expires_at <= func.now(),
        )
        if (await self._connection.execute(taken.returning(columns.job_id))).first():
            return None
        query = select(columns.body_sha256, columns.job_id).where(
            columns.owner_id == owner_id, columns.route == key.route, columns.key == key.key
        )
        earlier = (await self._connection.execute(query)).one()
        if earlier.body_sha256 != key.body_sha256:
            raise AppError(
                ErrorCode.IDEMPOTENCY_MISMATCH,
                "This Idempotency-Key was used with another body. Use a new key for a new request.",
            )
        return UUID(str(earlier.job_id))

    async def forget_expired(self) -> int:
        """Delete the keys that have had their time."""
        expired = delete(idempotency_keys).where(idempotency_keys.c.expires_at <= func.now())
        return (await self._connection.execute(expired)).rowcount
