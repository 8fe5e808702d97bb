"""SQL of comments."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, insert, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.accounts.tables import users
from services.user_management.library.tables import tracks
from services.user_management.metadata import ID
from services.user_management.paging import behind, number_behind
from services.user_management.social.person import Comment
from services.user_management.social.tables import comments
from services.user_management.social.visibility import muted_by, seen_by
from services.user_management.wire import cursor_id, cursor_of

_POSITIONS = "positions"


class CommentRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(
        self, comment_id: UUID, track_id: UUID, author_id: UUID, body: str, position_seconds: float | None
    ) -> None:
        """Add a comment."""
        await self._connection.execute(
            insert(comments).values(
                id=comment_id, track_id=track_id, author_id=author_id, body=body, position_seconds=position_seconds
            )
        )

    async def count(self, track_id: UUID, author_id: UUID, most: int) -> int:
        """How many one person left on one track; counted up to `most`."""
        some = select(literal(1)).where(comments.c.track_id == track_id, comments.c.author_id == author_id).limit(most)
        return (await self._connection.execute(select(func.count()).select_from(some.subquery()))).scalar_one()

    async def get(self, comment_id: UUID) -> Comment | None:
        """One comment."""
        row = (await self._connection.execute(_comments().where(comments.c.id == comment_id))).first()
        return Comment(*row) if row else None

    async def edit(self, comment_id: UUID, track_id: UUID, author_id: UUID, body: str) -> bool:
        """Change the author's own; False when there is none."""
        own = (comments.c.id == comment_id) & (comments.c.track_id == track_id) & (comments.c.author_id == author_id)
        changed = update(comments).where(own).values(body=body, edited_at=func.now()).returning(comments.c.id)
        return (await self._connection.execute(changed)).first() is not None

    async def remove(self, comment_id: UUID, track_id: UUID, person_id: UUID) -> bool:
        """Remove what the person said, or what was said about the person's track; False when there is none."""
        own_track = select(literal(1)).where(tracks.c.id == track_id, tracks.c.owner_id == person_id).exists()
        gone = delete(comments).where(
            comments.c.id == comment_id,
            comments.c.track_id == track_id,
            or_(comments.c.author_id == person_id, own_track),
        )
        return (await self._connection.execute(gone)).rowcount == 1

    async def newest(self, track_id: UUID, viewer_id: UUID, cursor: str, limit: int) -> list[tuple[Comment, str]]:
        """What was said about a track, newest first; each with the cursor behind it."""
        query = _seen(track_id, viewer_id)
        if (before := cursor_id(cursor)) is not None:
            query = query.where(comments.c.id < before)
        rows = await self._connection.execute(query.order_by(comments.c.id.desc()).limit(limit))
        return [(Comment(*row), cursor_of(row.id)) for row in rows]

    async def along(self, track_id: UUID, viewer_id: UUID, cursor: str, limit: int) -> list[tuple[Comment, str]]:
        """What was said about places of a track, in their order; each with the cursor behind it."""
        query = _seen(track_id, viewer_id).where(comments.c.position_seconds.is_not(None))
        if place := number_behind(_POSITIONS, cursor):
            here = tuple_(literal(place[0]), literal(place[1], ID))
            query = query.where(tuple_(comments.c.position_seconds, comments.c.id) > here)
        rows = await self._connection.execute(query.order_by(comments.c.position_seconds, comments.c.id).limit(limit))
        return [(Comment(*row), behind(_POSITIONS, row.position_seconds, row.id)) for row in rows]


def _comments() -> Select[Any]:
    return select(
        comments.c.id,
        comments.c.track_id,
        comments.c.author_id,
        users.c.username,
        users.c.display_name,
        comments.c.body,
        comments.c.position_seconds,
        comments.c.created_at,
        comments.c.edited_at,
    ).join(users, users.c.id == comments.c.author_id)


def _seen(track_id: UUID, viewer_id: UUID) -> Select[Any]:
    return _comments().where(
        comments.c.track_id == track_id, seen_by(users, viewer_id), ~muted_by(users.c.id, viewer_id)
    )
