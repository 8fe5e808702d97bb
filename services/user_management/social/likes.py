"""SQL of likes."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, literal, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.metadata import ID, INSTANT
from services.user_management.paging import behind, moment_behind
from services.user_management.social.tables import likes, track_standings
from services.user_management.social.visibility import shuts_out

_LIKED = "liked"


class LikeRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, track_id: UUID, person_id: UUID) -> None:
        """Like a track; what is so already stays so."""
        new = insert(likes).values(track_id=track_id, person_id=person_id)
        await self._connection.execute(new.on_conflict_do_nothing())

    async def remove(self, track_id: UUID, person_id: UUID) -> bool:
        """Take it back; False when there was nothing to take back."""
        gone = delete(likes).where(likes.c.track_id == track_id, likes.c.person_id == person_id)
        return (await self._connection.execute(gone)).rowcount == 1

    async def of_person(self, person_id: UUID, cursor: str, limit: int) -> list[tuple[UUID, str]]:
        """What a person likes and may hear, latest first; each with the cursor behind it."""
        stand = track_standings.c
        query = (
            select(likes.c.track_id, likes.c.created_at)
            .join(track_standings, stand.track_id == likes.c.track_id)
            .where(
                likes.c.person_id == person_id,
                or_(stand.owner_id == person_id, stand.listed & ~shuts_out(stand.owner_id, person_id)),
            )
        )
        if place := moment_behind(_LIKED, cursor):
            here = tuple_(literal(place[0], INSTANT), literal(place[1], ID))
            query = query.where(tuple_(likes.c.created_at, likes.c.track_id) < here)
        query = query.order_by(likes.c.created_at.desc(), likes.c.track_id.desc()).limit(limit)
        return [
            (row.track_id, behind(_LIKED, row.created_at, row.track_id))
            for row in await self._connection.execute(query)
        ]
