"""SQL of playlists, their tracks and members."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    Row,
    Select,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError
from services.user_management.accounts.holding import hold
from services.user_management.accounts.tables import users
from services.user_management.library.repository import TrackRepository, select_tracks
from services.user_management.library.tables import tracks
from services.user_management.library.visibility import heard_by
from services.user_management.metadata import ID
from services.user_management.playlists.order import GAP, between
from services.user_management.playlists.playlist import Member, NewPlaylist, Place, PlacedTrack, Playlist, Role
from services.user_management.playlists.tables import playlist_members, playlist_tracks, playlists
from services.user_management.social.visibility import muted_by, seen_by, shuts_out

_ROLES: Final = {"owner": Role.OWNER, "member": Role.MEMBER, "invited": Role.INVITED, "reader": Role.READER}


class PlaylistRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def count_of(self, owner_id: UUID) -> int:
        """How many playlists somebody has; nobody makes another one for them until the transaction ends."""
        await hold(self._connection, owner_id)
        query = select(func.count()).where(playlists.c.owner_id == owner_id)
        return (await self._connection.execute(query)).scalar_one()

    async def insert(self, playlist_id: UUID, owner_id: UUID, new: NewPlaylist) -> None:
        """Add an empty playlist."""
        await self._connection.execute(
            insert(playlists).values(
                id=playlist_id,
                owner_id=owner_id,
                title=new.title,
                description=new.description,
                public=new.public,
                collaborative=new.collaborative,
            )
        )

    async def readable(self, playlist_id: UUID, viewer_id: UUID, *, lock: bool = False) -> Playlist | None:
        """One playlist, if the viewer may read it; with `lock` nobody changes it until the transaction ends."""
        query = _playlists(viewer_id).where(playlists.c.id == playlist_id, _read_by(viewer_id))
        if lock:
            query = query.with_for_update(of=playlists)
        row = (await self._connection.execute(query)).first()
        return _playlist(row) if row else None

    async def of(self, viewer_id: UUID, before_id: UUID | None, limit: int) -> list[Playlist]:
        """What the viewer has and was let into, newest first."""
        own = select(playlists.c.id.label("id")).where(playlists.c.owner_id == viewer_id)
        let_in = (
            select(playlist_members.c.playlist_id.label("id"))
            .join(playlists, playlists.c.id == playlist_members.c.playlist_id)
            .join(users, users.c.id == playlists.c.owner_id)
            .where(
                playlist_members.c.user_id == viewer_id,
                playlist_members.c.accepted_at.is_not(None),
                _kept_by(viewer_id),
            )
        )
        if before_id is not None:
            own = own.where(playlists.c.id < before_id)
            let_in = let_in.where(playlist_members.c.playlist_id < before_id)
        own = own.order_by(playlists.c.id.desc()).limit(limit)
        let_in = let_in.order_by(playlist_members.c.playlist_id.desc()).limit(limit)
        ids = union_all(select(own.subquery().c.id), select(let_in.subquery().c.id)).subquery()
        query = _playlists(viewer_id).where(playlists.c.id.in_(select(ids.c.id)))
        return await self._found(query.order_by(playlists.c.id.desc()).limit(limit))

    async def invitations(self, viewer_id: UUID, before_id: UUID | None, limit: int) -> list[Playlist]:
        """What the viewer was invited to and has not answered, the newest playlist first; not by whom they mute."""
        query = (
            _playlists(viewer_id)
            .join(playlist_members, playlist_members.c.playlist_id == playlists.c.id)
            .where(
                playlist_members.c.user_id == viewer_id,
                playlist_members.c.accepted_at.is_(None),
                seen_by(users, viewer_id),
                ~muted_by(users.c.id, viewer_id),
            )
        )
        if before_id is not None:
            query = query.where(playlist_members.c.playlist_id < before_id)
        return await self._found(query.order_by(playlist_members.c.playlist_id.desc()).limit(limit))

    async def public_of(
        self, username: str, viewer_id: UUID, before_id: UUID | None, limit: int
    ) -> list[Playlist] | None:
        """Somebody's public playlists, newest first; None when there is no such person."""
        owner_id = await self.person(username, viewer_id)
        if owner_id is None:
            return None
        query = _playlists(viewer_id).where(playlists.c.owner_id == owner_id, playlists.c.public)
        if before_id is not None:
            query = query.where(playlists.c.id < before_id)
        return await self._found(query.order_by(playlists.c.id.desc()).limit(limit))

    async def update(self, playlist_id: UUID, changes: dict[str, Any]) -> None:
        """Change columns."""
        changed = update(playlists).where(playlists.c.id == playlist_id)
        await self._connection.execute(changed.values(updated_at=func.now(), **changes))

    async def delete(self, playlist_id: UUID) -> None:
        """Remove a playlist."""
        await self._connection.execute(delete(playlists).where(playlists.c.id == playlist_id))

    async def placed(
        self, playlist_id: UUID, viewer_id: UUID, *, after: tuple[int, UUID] | None, limit: int
    ) -> list[PlacedTrack]:
        """The tracks that the viewer may hear, in order, behind a place."""
        entries = _entries(playlist_id)
        query = _placed(entries, viewer_id).where(heard_by(viewer_id))
        if after is not None:
            # Where that track stands now, should ranks have changed since the page before.
            present = (
                select(playlist_tracks.c.rank)
                .where(playlist_tracks.c.playlist_id == playlist_id, playlist_tracks.c.track_id == after[1])
                .scalar_subquery()
            )
            here = tuple_(func.coalesce(present, after[0]), literal(after[1], ID))
            query = query.where(tuple_(entries.c.rank, entries.c.track_id) > here)
        return await self._placed(query.limit(limit))

    async def entry(self, playlist_id: UUID, track_id: UUID, viewer_id: UUID) -> PlacedTrack | None:
        """One track of a playlist, if the viewer may hear it."""
        query = _placed(_entries(playlist_id), viewer_id).where(heard_by(viewer_id), tracks.c.id == track_id)
        found = await self._placed(query)
        return found[0] if found else None

    async def adder(self, playlist_id: UUID, track_id: UUID) -> tuple[bool, UUID | None]:
        """Whether the track is in the playlist, and who brought it (None: an account that is gone)."""
        query = select(playlist_tracks.c.added_by).where(
            playlist_tracks.c.playlist_id == playlist_id, playlist_tracks.c.track_id == track_id
        )
        row = (await self._connection.execute(query)).first()
        return row is not None, row.added_by if row else None

    async def put(self, playlist_id: UUID, track_id: UUID, added_by: UUID, place: Place) -> None:
        """Add or move a track. The playlist has to be locked. Raises `AppError` (VALIDATION) for an unknown `after`."""
        rank = await self._rank(playlist_id, track_id, place)
        if rank is None:
            await self._rank_anew(playlist_id)
            rank = await self._rank(playlist_id, track_id, place)
        statement = upsert(playlist_tracks).values(
            playlist_id=playlist_id, track_id=track_id, rank=rank, added_by=added_by
        )
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=[playlist_tracks.c.playlist_id, playlist_tracks.c.track_id],
                set_={"rank": statement.excluded.rank},
            )
        )
        await self.update(playlist_id, {})

    async def remove(self, playlist_id: UUID, track_id: UUID) -> None:
        """Take a track out."""
        columns = playlist_tracks.c
        gone = delete(playlist_tracks).where(columns.playlist_id == playlist_id, columns.track_id == track_id)
        await self._connection.execute(gone)

    async def members(self, playlist_id: UUID, viewer_id: UUID, *, invited: bool) -> list[Member]:
        """Who was let in, by name, as far as the viewer sees them; with `invited` also who has not said yes."""
        query = _members(playlist_id).where(seen_by(users, viewer_id)).order_by(users.c.username)
        if not invited:
            query = query.where(playlist_members.c.accepted_at.is_not(None))
        return [Member(*row) for row in await self._connection.execute(query)]

    async def member(self, playlist_id: UUID, user_id: UUID) -> Member | None:
        """One who was let in or invited."""
        row = (await self._connection.execute(_members(playlist_id).where(users.c.id == user_id))).first()
        return Member(*row) if row else None

    async def count_members(self, playlist_id: UUID) -> int:
        """How many were let in or invited, whoever sees them."""
        query = select(func.count()).where(playlist_members.c.playlist_id == playlist_id)
        return int((await self._connection.execute(query)).scalar_one())

    async def person(self, username: str, viewer_id: UUID) -> UUID | None:
        """The account of that name, unless it is shut out, about to go, or blocks the viewer."""
        query = select(users.c.id).where(
            users.c.username == username,
            users.c.suspended_at.is_(None),
            users.c.deletion_due_at.is_(None),
            ~shuts_out(users.c.id, viewer_id),
        )
        return (await self._connection.execute(query)).scalar()

    async def invite(self, playlist_id: UUID, user_id: UUID) -> bool:
        """Ask somebody in; False when they were asked or are in."""
        statement = upsert(playlist_members).values(playlist_id=playlist_id, user_id=user_id)
        return (await self._connection.execute(statement.on_conflict_do_nothing())).rowcount == 1

    async def accept(self, playlist_id: UUID, user_id: UUID) -> None:
        """Let somebody in who was asked."""
        asked = _invitation(playlist_id, user_id)
        await self._connection.execute(update(playlist_members).where(asked).values(accepted_at=func.now()))

    async def decline(self, playlist_id: UUID, user_id: UUID) -> bool:
        """Forget that somebody was asked; False when they were not."""
        gone = delete(playlist_members).where(_invitation(playlist_id, user_id))
        return (await self._connection.execute(gone)).rowcount == 1

    async def remove_member(self, playlist_id: UUID, username: str) -> bool:
        """Let somebody in no longer; False when they were not."""
        named = select(users.c.id).where(users.c.username == username)
        gone = delete(playlist_members).where(
            playlist_members.c.playlist_id == playlist_id, playlist_members.c.user_id.in_(named)
        )
        return (await self._connection.execute(gone)).rowcount > 0

    async def _found(self, query: Select[Any]) -> list[Playlist]:
        return [_playlist(row) for row in await self._connection.execute(query)]

    async def _placed(self, query: Select[Any]) -> list[PlacedTrack]:
        return [
            PlacedTrack(track, row.rank, row.position, row.added_by, row.adder or "", row.added_at)
            for track, row in await TrackRepository(self._connection).found(query)
        ]

    async def _rank(self, playlist_id: UUID, track_id: UUID, place: Place) -> int | None:
        """The rank of a place among the other tracks; None when there is no room."""
        columns = playlist_tracks.c
        others = select(columns.rank).where(columns.playlist_id == playlist_id, columns.track_id != track_id)
        if place.after is not None:
            found = await self._connection.execute(others.where(columns.track_id == place.after))
            before = found.scalar()
            if before is None:
                raise AppError.field("/after", "The playlist has no such other track. Name one that is in it.")
            ahead = others.where(columns.rank > before).order_by(columns.rank).limit(1)
            return between(before, (await self._connection.execute(ahead)).scalar())
        if place.position is None:
            last = others.order_by(columns.rank.desc()).limit(1)
            return between((await self._connection.execute(last)).scalar(), None)
        first = max(0, place.position - 1)
        around = others.order_by(columns.rank).offset(first).limit(2 if place.position else 1)
        ranks = list((await self._connection.execute(around)).scalars())
        if place.position == 0:
            return between(None, ranks[0] if ranks else None)
        if not ranks:
            # Beyond the end.
            return await self._rank(playlist_id, track_id, Place())
        return between(ranks[0], ranks[1] if len(ranks) > 1 else None)

    async def _rank_anew(self, playlist_id: UUID) -> None:
        columns = playlist_tracks.c
        numbered = (
            select(columns.track_id, func.row_number().over(order_by=(columns.rank, columns.track_id)).label("number"))
            .where(columns.playlist_id == playlist_id)
            .subquery()
        )
        await self._connection.execute(
            update(playlist_tracks)
            .where(columns.playlist_id == playlist_id, columns.track_id == numbered.c.track_id)
            .values(rank=numbered.c.number * GAP)
        )


def _read_by(viewer_id: UUID) -> Any:
    return or_(
        playlists.c.owner_id == viewer_id,
        and_(_kept_by(viewer_id), or_(playlists.c.public, _is_member(viewer_id))),
    )


def _kept_by(viewer_id: UUID) -> Any:
    """Whether its owner is there for the viewer: neither shut out nor about to go, and does not block them."""
    return and_(
        users.c.suspended_at.is_(None),
        users.c.deletion_due_at.is_(None),
        ~shuts_out(playlists.c.owner_id, viewer_id),
    )


def _is_member(viewer_id: UUID) -> Any:
    """Whether the viewer was let in, or is asked in: who is to decide may look."""
    # Under a name of its own: the query around it may read the same table.
    entries = playlist_members.alias()
    return exists().where(entries.c.playlist_id == playlists.c.id, entries.c.user_id == viewer_id)


def _is_invited(viewer_id: UUID) -> Any:
    entries = playlist_members.alias()
    return exists().where(
        entries.c.playlist_id == playlists.c.id, entries.c.user_id == viewer_id, entries.c.accepted_at.is_(None)
    )


def _invitation(playlist_id: UUID, user_id: UUID) -> Any:
    columns = playlist_members.c
    return and_(columns.playlist_id == playlist_id, columns.user_id == user_id, columns.accepted_at.is_(None))


def _members(playlist_id: UUID) -> Select[Any]:
    columns = playlist_members.c
    query = select(users.c.id, users.c.username, columns.added_at, columns.accepted_at)
    return query.join(playlist_members, columns.user_id == users.c.id).where(columns.playlist_id == playlist_id)


def _playlists(viewer_id: UUID) -> Select[Any]:
    role = case(
        (playlists.c.owner_id == viewer_id, "owner"),
        (_is_invited(viewer_id), "invited"),
        (_is_member(viewer_id), "member"),
        else_="reader",
    )
    return select(*playlists.c, users.c.username, role.label("role")).join(users, users.c.id == playlists.c.owner_id)


def _placed(entries: Any, viewer_id: UUID) -> Select[Any]:
    adders = users.alias("adders")
    # Whose name the viewer is not to see brought it like somebody who is gone.
    own = (
        entries.c.rank,
        entries.c.position,
        entries.c.added_at,
        adders.c.id.label("added_by"),
        adders.c.username.label("adder"),
    )
    query = select_tracks(viewer_id).add_columns(*own).join(entries, entries.c.track_id == tracks.c.id)
    query = query.outerjoin(adders, and_(adders.c.id == entries.c.added_by, seen_by(adders, viewer_id)))
    return query.order_by(entries.c.rank, entries.c.track_id)


def _entries(playlist_id: UUID) -> Any:
    """The playlist's rows of `playlist_tracks`, each with its position."""
    position = func.row_number().over(order_by=(playlist_tracks.c.rank, playlist_tracks.c.track_id)) - 1
    rows = select(*playlist_tracks.c, position.label("position"))
    return rows.where(playlist_tracks.c.playlist_id == playlist_id).subquery("entries")


def _playlist(row: Row[Any]) -> Playlist:
    return Playlist(
        id=row.id,
        owner_id=row.owner_id,
        owner_username=row.username,
        title=row.title,
        description=row.description,
        public=row.public,
        collaborative=row.collaborative,
        track_count=row.track_count,
        created_at=row.created_at,
        updated_at=row.updated_at,
        role=_ROLES[row.role],
        revision=row.revision,
    )
