"""SQL of share links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.accounts.tables import users
from services.user_management.library.repository import TrackRepository, select_tracks
from services.user_management.library.tables import tracks
from services.user_management.library.track import Track
from services.user_management.sharing.share import NewShare, Share
from services.user_management.sharing.tables import share_links

_COLUMNS: Final = (
    share_links.c.id,
    share_links.c.track_id,
    share_links.c.prefix,
    share_links.c.password_hash.is_not(None).label("has_password"),
    share_links.c.created_at,
    share_links.c.expires_at,
    share_links.c.opened_count,
    share_links.c.last_opened_at,
)


@dataclass(frozen=True, slots=True)
class SharedTrack:
    """A link that works, and what it leads to."""

    share: Share
    password_hash: str | None
    track: Track


class ShareRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def own_track(self, track_id: UUID, owner_id: UUID, *, lock: bool = False) -> bool:
        """Whether it is one of the owner's that does not lie in the trash; with `lock` it stays so."""
        query = select(tracks.c.id).where(
            tracks.c.id == track_id, tracks.c.owner_id == owner_id, tracks.c.deleted_at.is_(None)
        )
        if lock:
            query = query.with_for_update(key_share=True)
        return (await self._connection.execute(query)).first() is not None

    async def of_track(self, track_id: UUID) -> list[Share]:
        """A track's links, newest first; expired ones too."""
        query = select(*_COLUMNS).where(share_links.c.track_id == track_id).order_by(share_links.c.id.desc())
        return [Share(*row) for row in await self._connection.execute(query)]

    async def count_alive(self, track_id: UUID) -> int:
        """How many of a track's links work."""
        query = select(func.count()).where(share_links.c.track_id == track_id, _alive())
        return int((await self._connection.execute(query)).scalar_one())

    async def forget_expired(self, track_id: UUID) -> None:
        """Delete those of a track that have had their time."""
        old = delete(share_links).where(share_links.c.track_id == track_id, share_links.c.expires_at <= func.now())
        await self._connection.execute(old)

    async def insert(self, share_id: UUID, new: NewShare, token_sha256: bytes, prefix: str) -> Share:
        """Add a link."""
        made = insert(share_links).values(
            id=share_id,
            track_id=new.track_id,
            token_sha256=token_sha256,
            prefix=prefix,
            password_hash=new.password_hash,
            expires_at=func.now() + new.life if new.life is not None else None,
        )
        return Share(*(await self._connection.execute(made.returning(*_COLUMNS))).one())

    async def delete(self, share_id: UUID, track_id: UUID, owner_id: UUID) -> bool:
        """Remove a link of one of the owner's tracks, in the trash or not; False when there is none."""
        own = select(tracks.c.id).where(tracks.c.id == track_id, tracks.c.owner_id == owner_id)
        gone = delete(share_links).where(share_links.c.id == share_id, share_links.c.track_id.in_(own))
        return (await self._connection.execute(gone)).rowcount > 0

    async def by_token(self, token_sha256: bytes) -> SharedTrack | None:
        """What a token leads to, while it works."""
        return await self._shared(share_links.c.token_sha256 == token_sha256)

    async def by_id(self, share_id: UUID) -> SharedTrack | None:
        """What a link leads to, while it works."""
        return await self._shared(share_links.c.id == share_id)

    async def count_opening(self, share_id: UUID) -> Share | None:
        """Count that a link was opened; None when it has ended since it was looked up."""
        opened = (
            update(share_links)
            .where(share_links.c.id == share_id, _alive())
            .values(opened_count=share_links.c.opened_count + 1, last_opened_at=func.now())
            .returning(*_COLUMNS)
        )
        row = (await self._connection.execute(opened)).first()
        return Share(*row) if row else None

    async def _shared(self, which: ColumnElement[bool]) -> SharedTrack | None:
        columns = [column.label(f"share_{column.name}") for column in _COLUMNS]
        query = (
            select_tracks()
            .add_columns(*columns, share_links.c.password_hash)
            .join(share_links, share_links.c.track_id == tracks.c.id)
            # Private tracks are what links are for; thrown away, hidden, or of somebody who is shut out or leaves: no.
            .where(
                which,
                _alive(),
                and_(
                    tracks.c.deleted_at.is_(None),
                    tracks.c.hidden_at.is_(None),
                    users.c.suspended_at.is_(None),
                    users.c.deletion_due_at.is_(None),
                ),
            )
        )
        found = await TrackRepository(self._connection).found(query)
        return SharedTrack(_share(found[0][1]), found[0][1].password_hash, found[0][0]) if found else None


def _alive() -> ColumnElement[bool]:
    return or_(share_links.c.expires_at.is_(None), share_links.c.expires_at > func.now())


def _share(row: Row[Any]) -> Share:
    return Share(*(row._mapping[f"share_{column.name}"] for column in _COLUMNS))
