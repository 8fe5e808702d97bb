"""SQL of profiles and of the ties between people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Select, delete, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.user_management.accounts.tables import users
from services.user_management.metadata import ID, INSTANT
from services.user_management.paging import behind, moment_behind
from services.user_management.social.person import Circle, Person, Tie
from services.user_management.social.rules import MOST_TIES
from services.user_management.social.tables import blocks, follows, mutes, person_standings
from services.user_management.social.visibility import apart, shuts_out, tied

_TABLES: Final = {Tie.FOLLOW: follows, Tie.BLOCK: blocks, Tie.MUTE: mutes}
# Which table, and whether the circle is about who is tied to the person (or whom the person is tied to).
_CIRCLES: Final = {
    Circle.FOLLOWERS: (follows, True),
    Circle.FOLLOWING: (follows, False),
    Circle.BLOCKED: (blocks, False),
    Circle.MUTED: (mutes, False),
}


class PeopleRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def seen(self, username: str, viewer_id: UUID) -> Person | None:
        """A person by name, if the viewer may see them."""
        query = people(viewer_id).where(
            users.c.username == username, person_standings.c.active, ~shuts_out(users.c.id, viewer_id)
        )
        row = (await self._connection.execute(query)).first()
        return person_of(row) if row else None

    async def of_ids(self, ids: Sequence[UUID], viewer_id: UUID) -> list[Person]:
        """People by id, in that order."""
        if not ids:
            return []
        rows = await self._connection.execute(people(viewer_id).where(users.c.id.in_(ids)))
        found = {row.id: person_of(row) for row in rows}
        return [found[person_id] for person_id in ids if person_id in found]

    async def circle(
        self, person_id: UUID, circle: Circle, viewer_id: UUID, cursor: str, limit: int
    ) -> list[tuple[Person, str]]:
        """People around one, latest first; each with the cursor behind them."""
        table, inward = _CIRCLES[circle]
        near, far = (table.c.other_id, table.c.person_id) if inward else (table.c.person_id, table.c.other_id)
        query = select(far.label("id"), table.c.created_at).where(near == person_id)
        if circle in (Circle.FOLLOWERS, Circle.FOLLOWING):
            query = query.join(person_standings, person_standings.c.person_id == far)
            query = query.where(person_standings.c.active, ~apart(far, viewer_id))
        if place := moment_behind(circle.value, cursor):
            here = tuple_(literal(place[0], INSTANT), literal(place[1], ID))
            query = query.where(tuple_(table.c.created_at, far) < here)
        query = query.order_by(table.c.created_at.desc(), far.desc()).limit(limit)
        places = {row.id: behind(circle.value, row.created_at, row.id) for row in await self._connection.execute(query)}
        return [(person, places[person.id]) for person in await self.of_ids(list(places), viewer_id)]

    async def id_of(self, username: str) -> UUID | None:
        """Whose name it is, whoever may see them."""
        query = select(users.c.id).where(users.c.username == username)
        found: UUID | None = (await self._connection.execute(query)).scalar_one_or_none()
        return found

    async def lock(self, person_id: UUID, *others: UUID) -> None:
        """Let a person do one thing at a time, and two people one thing to each other, until the transaction ends.

        Locks of names, not of rows: the counters of somebody whom many meet at once stay free.
        """
        names = [f"person {person_id}", *(" ".join(sorted((str(person_id), str(other)))) for other in others)]
        for name in names:
            await self._connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))

    async def has_room(self, tie: Tie, person_id: UUID) -> bool:
        """Whether the person may tie themselves to one more."""
        table = _TABLES[tie]
        some = select(literal(1)).select_from(table).where(table.c.person_id == person_id).limit(MOST_TIES)
        return (
            await self._connection.execute(select(func.count()).select_from(some.subquery()))
        ).scalar_one() < MOST_TIES

    async def tie(self, tie: Tie, person_id: UUID, other_id: UUID) -> None:
        """Tie the person to the other; what is so already stays so."""
        new = insert(_TABLES[tie]).values(person_id=person_id, other_id=other_id)
        await self._connection.execute(new.on_conflict_do_nothing())

    async def untie(self, tie: Tie, person_id: UUID, other_id: UUID) -> bool:
        """Undo it; False when there was nothing to undo."""
        table = _TABLES[tie]
        gone = delete(table).where(table.c.person_id == person_id, table.c.other_id == other_id)
        return (await self._connection.execute(gone)).rowcount == 1


def people(viewer_id: UUID) -> Select[Any]:
    """Everybody, with what the viewer sees of them."""
    viewer, other = literal(viewer_id, ID), users.c.id
    return select(
        users.c.id,
        users.c.username,
        users.c.display_name,
        users.c.bio,
        users.c.links,
        users.c.created_at,
        person_standings.c.followers,
        person_standings.c.following,
        person_standings.c.tracks,
        tied(follows, viewer, other).label("followed"),
        tied(follows, other, viewer).label("follows_viewer"),
        tied(blocks, viewer, other).label("blocked"),
        tied(mutes, viewer, other).label("muted"),
    ).join(person_standings, person_standings.c.person_id == users.c.id)


def person_of(row: Row[Any]) -> Person:
    """A row of `people`."""
    return Person(
        id=row.id,
        username=row.username,
        display_name=row.display_name,
        bio=row.bio,
        links=tuple(row.links),
        created_at=row.created_at,
        followers=row.followers,
        following=row.following,
        tracks=row.tracks,
        followed=row.followed,
        follows_viewer=row.follows_viewer,
        blocked=row.blocked,
        muted=row.muted,
    )


def no_such_person() -> AppError:
    """Nobody of the name, or nobody whom the caller may see: the same for both."""
    return AppError(ErrorCode.NOT_FOUND, "There is nobody of this name.")
