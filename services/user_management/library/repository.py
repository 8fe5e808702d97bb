"""SQL of tracks and stems."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Row,
    Select,
    Text,
    any_,
    bindparam,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.accounts.tables import users
from services.user_management.jobs.rules import Job
from services.user_management.library.bulk import BulkChange
from services.user_management.library.lineage import Relation, relation_of
from services.user_management.library.search import Wanted, cursor_at, matching, sorted_after
from services.user_management.library.tables import stems, tracks
from services.user_management.library.track import Stem, Track, TrackContent
from services.user_management.library.visibility import heard_by
from services.user_management.prepared import ITEM, ITEMS, LIMIT, PERSON, Found, Prepared, person
from services.user_management.revisions import check, is_one_of
from services.user_management.social.tables import likes, track_standings

_CONTENT: Final = tuple(field.name for field in fields(TrackContent) if field.name != "stems")
_LISTS: Final = frozenset({"tags", "licence_attributions"})


class TrackRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def insert(self, track_id: UUID, job: Job, content: TrackContent) -> None:
        """Add a track that a job made, with its stems."""
        values = {name: _stored(name, getattr(content, name)) for name in _CONTENT}
        values["relation"] = await self._relation(job, content)
        values |= {"id": track_id, "owner_id": job.owner_id, "job_id": job.id}
        await self._connection.execute(insert(tracks).values(values))
        if content.stems:
            await self._connection.execute(
                insert(stems),
                [
                    {"track_id": track_id, "position": position, "name": stem.name, "object_key": stem.object_key}
                    for position, stem in enumerate(content.stems)
                ],
            )

    async def _relation(self, job: Job, content: TrackContent) -> str:
        if content.parent_id is None:
            return Relation.NONE
        query = select(tracks.c.owner_id).where(tracks.c.id == content.parent_id)
        parents_owner = (await self._connection.execute(query)).scalar()
        others = parents_owner is not None and parents_owner != job.owner_id
        return relation_of(job.kind, job.request, of_somebody_else=others)

    async def visible(self, track_id: UUID, viewer_id: UUID) -> Track | None:
        """One track, if the viewer may hear it. What lies in the trash nobody hears."""
        rows = await _VISIBLE.rows(self._connection, item=track_id, person=viewer_id)
        return _track(rows[0]) if rows else None

    async def of_ids(self, track_ids: Sequence[UUID], viewer_id: UUID) -> list[Track]:
        """Tracks by id, in that order, as the viewer sees them."""
        if not track_ids:
            return []
        rows = await _OF_IDS.rows(self._connection, items=track_ids, person=viewer_id)
        found = {row.id: _track(row) for row in rows}
        return [found[track_id] for track_id in track_ids if track_id in found]

    async def found(self, query: Select[Any]) -> list[tuple[Track, Row[Any]]]:
        """The tracks of a query that began as `select_tracks`, each with its row, for what was added to it."""
        rows = (await self._connection.execute(query)).all()
        return [(_track(row), row) for row in rows]

    async def listed(self, owner_id: UUID, wanted: Wanted, cursor: str, limit: int) -> list[tuple[Track, str]]:
        """The owner's tracks that match, in the wanted order; each with the cursor behind it."""
        if wanted == _ANY and not cursor:
            rows = await _NEWEST.rows(self._connection, person=owner_id, limit=limit)
            return [(_track(row), cursor_at(wanted.order, "", row.id)) for row in rows]
        query = sorted_after(select_tracks(owner_id).where(*matching(wanted, owner_id)), wanted, cursor).limit(limit)
        return [(track, cursor_at(wanted.order, row.place, row.id)) for track, row in await self.found(query)]

    async def versions(self, track_id: UUID, viewer_id: UUID, limit: int) -> list[Track]:
        """The tree around a track that the viewer may hear, oldest first; empty when it is none of those.

        What it came from, whatever came from it, and the viewer's own branches of what it came from; each as far as the
        viewer may hear it. At most `limit` of what came from it, and as many own ones.
        """
        link = select(tracks.c.id, tracks.c.parent_id).join(users, users.c.id == tracks.c.owner_id)
        heard, mine = link.where(heard_by(viewer_id)), (tracks.c.owner_id == viewer_id) & tracks.c.deleted_at.is_(None)
        # UNION (not ALL) ends also on data that goes round in a circle. Each step looks from one song at a time, and at
        # no more of its children than there can be answers: however popular it is, and whatever the planner expects.
        up = heard.where(tracks.c.id == track_id).cte("up", recursive=True)
        above = heard.where(tracks.c.id == up.c.parent_id).limit(1).lateral("above")
        up = up.union(select(above.c.id, above.c.parent_id).select_from(up.join(above, true())))
        own = select(up.c.id).cte("own", recursive=True)
        branch = select(tracks.c.id).where(tracks.c.parent_id == own.c.id, mine).limit(limit).lateral("branch")
        own = own.union(select(branch.c.id).select_from(own.join(branch, true())))
        down = select(up.c.id).where(up.c.id == track_id).cte("down", recursive=True)
        below = heard.where(tracks.c.parent_id == down.c.id).limit(limit).lateral("below")
        down = down.union(select(below.c.id).select_from(down.join(below, true())))
        # A limit without an order ends the recursion as soon as it is reached.
        parts = [select(part.c.id).limit(limit) for part in (up, own, down)]
        asked = union_all(*(select(part.subquery().c.id) for part in parts))
        ids = set((await self._connection.execute(asked)).scalars())
        return await self._found(select_tracks(viewer_id).where(tracks.c.id.in_(ids)).order_by(tracks.c.id))

    async def lock_own(self, track_ids: Sequence[UUID], owner_id: UUID) -> dict[UUID, Row[Any]]:
        """Those of the tracks that are the owner's, in the trash or not, locked until the transaction ends."""
        query: Select[Any] = (
            select(tracks.c.id, tracks.c.tags, tracks.c.deleted_at)
            .where(tracks.c.id.in_(track_ids), tracks.c.owner_id == owner_id)
            # In one order, so that two that lock the same tracks wait for each other in turn.
            .order_by(tracks.c.id)
            .with_for_update()
        )
        return {row.id: row for row in await self._connection.execute(query)}

    async def change(self, track_ids: Collection[UUID], change: BulkChange) -> None:
        """Do to tracks that are locked what the change says, but for the tags."""
        values: dict[str, Any] = {}
        if change.moves:
            values["project_id"] = change.project_id
        if change.public is not None:
            values["public"] = change.public
        if change.trashed is not None:
            # Since when it lies there: since the first time.
            values["deleted_at"] = func.coalesce(tracks.c.deleted_at, func.now()) if change.trashed else None
        if track_ids and values:
            await self._connection.execute(update(tracks).where(tracks.c.id.in_(track_ids)).values(values))

    async def set_tags(self, tags: Mapping[UUID, Sequence[str]]) -> None:
        """Replace the tags of tracks that are locked."""
        if tags:
            changed = update(tracks).where(tracks.c.id == bindparam("track")).values(tags=bindparam("tagged"))
            rows = [{"track": track_id, "tagged": list(texts)} for track_id, texts in tags.items()]
            await self._connection.execute(changed, rows)

    async def set_deleted(self, track_id: UUID, owner_id: UUID, deleted: bool, revisions: Collection[int] = ()) -> bool:
        """Put an own track, of one of the revisions, into the trash or take it out; False: there is none to move."""
        columns = tracks.c
        there = columns.deleted_at.is_(None) if deleted else columns.deleted_at.is_not(None)
        moved = (
            update(tracks)
            .where(columns.id == track_id, columns.owner_id == owner_id, there)
            .where(is_one_of(columns.revision, revisions))
            .values(deleted_at=func.now() if deleted else None)
            .returning(columns.id)
        )
        return (await self._connection.execute(moved)).first() is not None

    async def outlived(self, kept: timedelta, limit: int) -> list[tuple[UUID, UUID]]:
        """Tracks (and their owners) that lay in the trash for so long."""
        columns = tracks.c
        query = select(columns.id, columns.owner_id).where(columns.deleted_at < func.now() - kept).limit(limit)
        return [(row.id, row.owner_id) for row in await self._connection.execute(query)]

    async def update(
        self, track_id: UUID, owner_id: UUID, changes: dict[str, Any], revisions: Collection[int] = ()
    ) -> bool:
        """Change columns of one of the owner's tracks, of one of the revisions; False when there is none."""
        mine = (tracks.c.id == track_id) & (tracks.c.owner_id == owner_id) & tracks.c.deleted_at.is_(None)
        mine &= is_one_of(tracks.c.revision, revisions)
        if not changes:
            return (await self._connection.execute(select(tracks.c.id).where(mine))).first() is not None
        values = {name: _stored(name, value) for name, value in changes.items()}
        changed = update(tracks).where(mine).values(values).returning(tracks.c.id)
        return (await self._connection.execute(changed)).first() is not None

    async def lock(self, track_id: UUID, owner_id: UUID) -> Track | None:
        """One of the owner's tracks that is not in the trash, locked until the transaction ends."""
        mine = (tracks.c.id == track_id) & (tracks.c.owner_id == owner_id) & tracks.c.deleted_at.is_(None)
        found = await self._found(select_tracks(owner_id).where(mine).with_for_update(of=tracks))
        return found[0] if found else None

    async def set_cover(self, track_id: UUID, object_key: str) -> None:
        """Note which picture a track that is locked has; empty: none."""
        await self._connection.execute(
            update(tracks).where(tracks.c.id == track_id).values(cover_object_key=object_key)
        )

    async def delete(self, track_id: UUID, owner_id: UUID, revisions: Collection[int] = ()) -> Track | None:
        """Remove one of the owner's tracks; what it was. Raises `AppError` (PRECONDITION_FAILED)."""
        found = await self._found(
            select_tracks().where(tracks.c.id == track_id, tracks.c.owner_id == owner_id).with_for_update(of=tracks)
        )
        if not found:
            return None
        check(found[0].revision, revisions)
        await self._connection.execute(delete(tracks).where(tracks.c.id == track_id))
        return found[0]

    async def existing(self, track_ids: Sequence[UUID]) -> set[UUID]:
        """Those of the tracks that have not been deleted, whoever owns them."""
        query = select(tracks.c.id).where(tracks.c.id.in_(track_ids))
        return set((await self._connection.execute(query)).scalars())

    async def object_keys_of_job(self, job_id: UUID) -> set[str]:
        """Every object that a track of this job refers to."""
        found = await self._found(select_tracks().where(tracks.c.job_id == job_id))
        return {key for track in found for key in track.object_keys}

    async def _found(self, query: Select[Any]) -> list[Track]:
        return [track for track, _ in await self.found(query)]


def select_tracks(viewer_id: UUID | ColumnElement[UUID] | None = None) -> Select[Any]:
    """All that makes up a track, as the viewer sees it; the owner is joined as `users`."""
    columns = [column for column in tracks.c if column.name != "words"]
    liked: ColumnElement[bool] = false()
    if viewer_id is not None:
        own = (likes.c.track_id == tracks.c.id) & (likes.c.person_id == person(viewer_id))
        liked = exists(select(literal(1)).select_from(likes).where(own))
    return (
        select(
            *columns,
            users.c.username.label("owner_username"),
            track_standings.c.likes,
            track_standings.c.comments,
            liked.label("liked"),
            _parts().label("parts"),
        )
        .join(users, users.c.id == tracks.c.owner_id)
        .join(track_standings, track_standings.c.track_id == tracks.c.id)
    )


def _parts() -> ColumnElement[Sequence[Sequence[str]]]:
    """A track's stems in their order, a name and an object key each: no second query for them."""
    pair = select(array([stems.c.name, stems.c.object_key])).where(stems.c.track_id == tracks.c.id)
    ordered = pair.order_by(stems.c.position).correlate(tracks).scalar_subquery()
    return func.array(ordered, type_=ARRAY(Text, dimensions=2))


def _track(row: Row[Any] | Found) -> Track:
    values = row._mapping
    content: dict[str, Any] = {name: tuple(values[name]) if name in _LISTS else values[name] for name in _CONTENT}
    return Track(
        id=row.id,
        owner_id=row.owner_id,
        owner_username=row.owner_username,
        job_id=row.job_id,
        created_at=row.created_at,
        content=TrackContent(**content, stems=tuple(Stem(*pair) for pair in row.parts)),
        deleted_at=row.deleted_at,
        hidden_at=row.hidden_at,
        likes=row.likes,
        comments=row.comments,
        liked=row.liked,
        relation=row.relation,
        project_id=row.project_id,
        cover_object_key=row.cover_object_key,
        revision=row.revision,
    )


_ANY: Final = Wanted()
_VISIBLE: Final = Prepared(lambda: select_tracks(PERSON).where(tracks.c.id == ITEM, heard_by(PERSON)))
_OF_IDS: Final = Prepared(lambda: select_tracks(PERSON).where(tracks.c.id == any_(ITEMS)))
_NEWEST: Final = Prepared(
    lambda: sorted_after(select_tracks(PERSON).where(*matching(_ANY, PERSON)), _ANY, "").limit(LIMIT)
)


def _stored(name: str, value: Any) -> Any:
    return list(value) if name in _LISTS else value
