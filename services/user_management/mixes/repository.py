"""SQL of mixes and their versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.accounts.holding import hold
from services.user_management.mixes.tables import mix_versions, mixes


@dataclass(frozen=True, slots=True)
class Mix:
    """A session that is worked on; `version` is the number of its newest one."""

    id: UUID
    title: str
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class MixVersion:
    """A session as it once was; `session` is None in lists, `restored_from` 0 where it was not restored."""

    mix_id: UUID
    number: int
    note: str
    restored_from: int
    created_at: datetime
    session: dict[str, Any] | None = None


class MixRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def held(self, owner_id: UUID) -> tuple[int, int]:
        """How many mixes somebody has, and their bytes; neither changes until the transaction ends."""
        await hold(self._connection, owner_id)
        query = select(func.count(), func.coalesce(func.sum(mixes.c.bytes), 0)).where(mixes.c.owner_id == owner_id)
        count, size = (await self._connection.execute(query)).one()
        return count, int(size)

    async def insert(self, mix_id: UUID, owner_id: UUID, title: str) -> None:
        """Add a mix without a version."""
        values = {"id": mix_id, "owner_id": owner_id, "title": title, "version": 0, "bytes": 0}
        await self._connection.execute(insert(mixes).values(values))

    async def append(
        self, mix: Mix, session: dict[str, Any], size_bytes: int, note: str, restored_from: int = 0
    ) -> MixVersion:
        """Add a version behind the newest one of a mix that is locked, or new."""
        values = {"mix_id": mix.id, "number": mix.version + 1, "session": session, "note": note}
        added = insert(mix_versions).values(values | {"restored_from": restored_from}).returning(mix_versions)
        row = (await self._connection.execute(added)).one()
        grown = update(mixes).where(mixes.c.id == mix.id)
        await self._connection.execute(
            grown.values(version=row.number, bytes=mixes.c.bytes + size_bytes, updated_at=func.now())
        )
        return _version(row)

    async def get(self, mix_id: UUID, owner_id: UUID, *, lock: bool = False) -> Mix | None:
        """One of the owner's mixes; with `lock` nobody adds a version to it until the transaction ends."""
        query = _own(owner_id).where(mixes.c.id == mix_id)
        row = (await self._connection.execute(query.with_for_update() if lock else query)).first()
        return _mix(row) if row is not None else None

    async def page(self, owner_id: UUID, before_id: UUID | None, limit: int) -> list[Mix]:
        """The owner's mixes, newest first."""
        query = _own(owner_id).order_by(mixes.c.id.desc()).limit(limit)
        query = query.where(mixes.c.id < before_id) if before_id is not None else query
        return [_mix(row) for row in await self._connection.execute(query)]

    async def delete(self, mix_id: UUID) -> None:
        """Remove a mix that is locked."""
        await self._connection.execute(delete(mixes).where(mixes.c.id == mix_id))

    async def version(self, mix_id: UUID, number: int) -> MixVersion | None:
        """One version with its session."""
        query = select(mix_versions).where(mix_versions.c.mix_id == mix_id, mix_versions.c.number == number)
        row = (await self._connection.execute(query)).first()
        return _version(row) if row is not None else None

    async def versions(self, mix_id: UUID, before: int, limit: int) -> list[MixVersion]:
        """Versions below a number, newest first, without their sessions."""
        columns = [column for column in mix_versions.c if column.name != "session"]
        query = select(*columns).where(mix_versions.c.mix_id == mix_id, mix_versions.c.number < before)
        rows = await self._connection.execute(query.order_by(mix_versions.c.number.desc()).limit(limit))
        return [_version(row) for row in rows]


def _own(owner_id: UUID) -> Select[Any]:
    return select(mixes).where(mixes.c.owner_id == owner_id)


def _mix(row: Row[Any]) -> Mix:
    return Mix(row.id, row.title, row.version, row.created_at, row.updated_at)


def _version(row: Row[Any]) -> MixVersion:
    session = row._mapping.get("session")
    return MixVersion(row.mix_id, row.number, row.note, row.restored_from, row.created_at, session)
