"""SQL of projects."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.accounts.holding import hold
from services.user_management.library.tables import tracks
from services.user_management.projects.tables import projects
from services.user_management.revisions import check


@dataclass(frozen=True, slots=True)
class Project:
    """A folder of tracks. `track_count` leaves those in the trash out."""

    id: UUID
    title: str
    description: str
    created_at: datetime
    track_count: int
    revision: int


class ProjectRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def count_of(self, owner_id: UUID) -> int:
        """How many projects somebody has; nobody makes another one for them until the transaction ends."""
        await hold(self._connection, owner_id)
        query = select(func.count()).where(projects.c.owner_id == owner_id)
        return (await self._connection.execute(query)).scalar_one()

    async def insert(self, project_id: UUID, owner_id: UUID, title: str, description: str) -> None:
        """Add an empty project."""
        values = {"id": project_id, "owner_id": owner_id, "title": title, "description": description}
        await self._connection.execute(insert(projects).values(values))

    async def get(self, project_id: UUID, owner_id: UUID) -> Project | None:
        """One of the owner's projects."""
        found = await self._found(_own(owner_id).where(projects.c.id == project_id))
        return found[0] if found else None

    async def page(self, owner_id: UUID, before_id: UUID | None, limit: int) -> list[Project]:
        """The owner's projects, newest first."""
        query = _own(owner_id).order_by(projects.c.id.desc()).limit(limit)
        return await self._found(query.where(projects.c.id < before_id) if before_id is not None else query)

    async def lock(self, project_id: UUID, owner_id: UUID, revisions: Collection[int] = ()) -> bool:
        """Whether it is one of the owner's, whom nobody changes until the transaction ends.

        Raises `AppError` (PRECONDITION_FAILED) when it has none of the revisions, if any are named.
        """
        query = select(projects.c.revision).where(projects.c.id == project_id, projects.c.owner_id == owner_id)
        revision = (await self._connection.execute(query.with_for_update(key_share=True))).scalar_one_or_none()
        if revision is not None:
            check(revision, revisions)
        return revision is not None

    async def update(self, project_id: UUID, changes: dict[str, Any]) -> None:
        """Change columns of a project that is locked."""
        if changes:
            await self._connection.execute(update(projects).where(projects.c.id == project_id).values(**changes))

    async def delete(self, project_id: UUID) -> None:
        """Remove a project that is locked."""
        await self._connection.execute(delete(projects).where(projects.c.id == project_id))

    async def keep(self, project_id: UUID, owner_id: UUID) -> bool:
        """Whether it is one of the owner's, which it then is until the transaction ends."""
        query = select(projects.c.id).where(projects.c.id == project_id, projects.c.owner_id == owner_id)
        return (await self._connection.execute(query.with_for_update(read=True, key_share=True))).first() is not None

    async def _found(self, query: Select[Any]) -> list[Project]:
        rows = (await self._connection.execute(query)).all()
        counts = await self._counts(rows)
        return [
            Project(row.id, row.title, row.description, row.created_at, counts.get(row.id, 0), row.revision)
            for row in rows
        ]

    async def _counts(self, rows: list[Row[Any]] | Any) -> dict[UUID, int]:
        ids = [row.id for row in rows]
        if not ids:
            return {}
        query = (
            select(tracks.c.project_id, func.count())
            .where(tracks.c.project_id.in_(ids), tracks.c.deleted_at.is_(None))
            .group_by(tracks.c.project_id)
        )
        return {row[0]: row[1] for row in await self._connection.execute(query)}


def _own(owner_id: UUID) -> Select[Any]:
    return select(projects).where(projects.c.owner_id == owner_id)
