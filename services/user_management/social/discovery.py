"""SQL of finding: the feed, what everybody makes, and the search; ids in order, each with the cursor behind it.

Every query walks an index in the order of its answer, or narrows by words first and sorts what is left, of which there
is a bounded number. `tests/integration/user_management/test_social_plans.py` holds the plans to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Float,
    Select,
    case,
    cast,
    func,
    lateral,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.accounts.tables import users
from services.user_management.library.search import words
from services.user_management.library.tables import tracks
from services.user_management.metadata import ID, INSTANT
from services.user_management.paging import behind, moment_behind, number_behind
from services.user_management.social.tables import follows, person_standings, track_standings
from services.user_management.social.visibility import apart, muted_by

Place = tuple[UUID, str]

# What a search ranks: the hottest tracks (the most followed people) that match at all.
RANKED_TRACKS: Final = 500
RANKED_PEOPLE: Final = 200
# What trending tags are counted in.
HOT_TRACKS: Final = 1_000

_stand: Final = track_standings.c


class DiscoveryRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def feed(self, viewer_id: UUID, cursor: str, limit: int) -> list[Place]:
        """Tracks of the people whom the viewer follows and does not mute, latest first."""
        return await self._by_time("feed", feed_query(viewer_id, cursor, limit))

    async def of_owner(self, owner_id: UUID, cursor: str, limit: int) -> list[Place]:
        """A person's listed tracks, latest first."""
        query = _before("tracks", cursor, _listed().where(_stand.owner_id == owner_id))
        return await self._by_time("tracks", _latest(query, limit))

    async def latest(self, viewer_id: UUID, tags: Sequence[str], cursor: str, limit: int) -> list[Place]:
        """Everybody's tracks, latest first."""
        return await self._by_time("new", latest_query(viewer_id, tags, cursor, limit))

    async def trending(self, viewer_id: UUID, tags: Sequence[str], cursor: str, limit: int) -> list[Place]:
        """Everybody's tracks, hottest first."""
        rows = await self._connection.execute(trending_query(viewer_id, tags, cursor, limit))
        return [(row.track_id, behind("trending", row.heat, row.track_id)) for row in rows]

    async def trending_tags(self, limit: int) -> list[tuple[str, int]]:
        """The tags of the hottest tracks, commonest first, with how many of these have each."""
        rows = await self._connection.execute(trending_tags_query(limit))
        return [(row.tag, row.tracks) for row in rows]

    async def search_tracks(
        self, viewer_id: UUID, text: str, tags: Sequence[str], cursor: str, limit: int
    ) -> list[Place]:
        """Tracks that match, best first. Raises `AppError` (VALIDATION)."""
        rows = await self._connection.execute(search_tracks_query(viewer_id, text, tags, cursor, limit))
        return [(row.id, behind("found-tracks", row.rank, row.id)) for row in rows]

    async def search_people(self, viewer_id: UUID, text: str, cursor: str, limit: int) -> list[Place]:
        """People whose names match, best first. Raises `AppError` (VALIDATION)."""
        rows = await self._connection.execute(search_people_query(viewer_id, text, cursor, limit))
        return [(row.id, behind("found-people", row.rank, row.id)) for row in rows]

    async def _by_time(self, listing: str, query: Select[Any]) -> list[Place]:
        rows = await self._connection.execute(query)
        return [(row.track_id, behind(listing, row.listed_at, row.track_id)) for row in rows]


def feed_query(viewer_id: UUID, cursor: str, limit: int) -> Select[Any]:
    """A page of the feed: as many of the latest of each person as the page holds, the latest of these."""
    each = _latest(_before("feed", cursor, _listed().where(_stand.owner_id == follows.c.other_id)), limit)
    recent = lateral(each.correlate(follows), name="recent")
    return (
        select(recent.c.track_id, recent.c.listed_at)
        .select_from(follows.join(recent, true()))
        .where(follows.c.person_id == viewer_id, ~muted_by(follows.c.other_id, viewer_id))
        .order_by(recent.c.listed_at.desc(), recent.c.track_id.desc())
        .limit(limit)
    )


def latest_query(viewer_id: UUID, tags: Sequence[str], cursor: str, limit: int) -> Select[Any]:
    """A page of everybody's tracks by time."""
    return _latest(_before("new", cursor, _everybodys(viewer_id, tags)), limit)


def trending_query(viewer_id: UUID, tags: Sequence[str], cursor: str, limit: int) -> Select[Any]:
    """A page of everybody's tracks by heat."""
    query = _everybodys(viewer_id, tags).add_columns(_stand.heat)
    if place := number_behind("trending", cursor):
        query = query.where(tuple_(_stand.heat, _stand.track_id) < tuple_(literal(place[0]), literal(place[1], ID)))
    return query.order_by(_stand.heat.desc(), _stand.track_id.desc()).limit(limit)


def trending_tags_query(limit: int) -> Select[Any]:
    """The commonest tags of the hottest tracks."""
    hot = select(_stand.track_id).where(_stand.listed).order_by(_stand.heat.desc()).limit(HOT_TRACKS).cte("hot")
    tagged = select(func.unnest(tracks.c.tags).label("tag")).join(hot, hot.c.track_id == tracks.c.id).subquery()
    count = func.count().label("tracks")
    return select(tagged.c.tag, count).group_by(tagged.c.tag).order_by(count.desc(), tagged.c.tag).limit(limit)


def search_tracks_query(viewer_id: UUID, text: str, tags: Sequence[str], cursor: str, limit: int) -> Select[Any]:
    """A page of the matching tracks: ranked by how well the words fit, and a little by how many like it."""
    asked = func.to_tsquery("simple", words(text))
    matching = (
        select(tracks.c.id, tracks.c.words, _stand.likes)
        .join(track_standings, _stand.track_id == tracks.c.id)
        .where(_stand.listed, tracks.c.words.op("@@")(asked), ~apart(_stand.owner_id, viewer_id))
        .order_by(_stand.heat.desc())
        .limit(RANKED_TRACKS)
    )
    if tags:
        matching = matching.where(tracks.c.tags.contains(list(tags)))
    found = matching.cte("found")
    rank = cast(func.ts_rank(found.c.words, asked), Float(53)) * (1 + func.ln(1 + cast(found.c.likes, Float(53))) / 10)
    return _ranked("found-tracks", select(found.c.id, rank.label("rank")), rank, found.c.id, cursor).limit(limit)


def search_people_query(viewer_id: UUID, text: str, cursor: str, limit: int) -> Select[Any]:
    """A page of the matching people: whose username it is first, then those whom most follow."""
    asked = func.to_tsquery("simple", words(text))
    matching = (
        select(users.c.id, users.c.username, users.c.names, person_standings.c.followers)
        .join(person_standings, person_standings.c.person_id == users.c.id)
        .where(person_standings.c.active, users.c.names.op("@@")(asked), ~apart(users.c.id, viewer_id))
        .order_by(person_standings.c.followers.desc())
        .limit(RANKED_PEOPLE)
    )
    found = matching.cte("found")
    fit = cast(func.ts_rank(found.c.names, asked), Float(53)) + func.ln(1 + cast(found.c.followers, Float(53)))
    exact = case((found.c.username == text.strip().lower(), 1_000.0), else_=0.0)
    rank = exact + fit
    return _ranked("found-people", select(found.c.id, rank.label("rank")), rank, found.c.id, cursor).limit(limit)


def _ranked(
    listing: str, query: Select[Any], rank: ColumnElement[Any], item_id: ColumnElement[UUID], cursor: str
) -> Select[Any]:
    if place := number_behind(listing, cursor):
        query = query.where(tuple_(rank, item_id) < tuple_(literal(place[0], Float(53)), literal(place[1], ID)))
    return query.order_by(rank.desc(), item_id.desc())


def _listed() -> Select[Any]:
    return select(_stand.track_id, _stand.listed_at).where(_stand.listed)


def _everybodys(viewer_id: UUID, tags: Sequence[str]) -> Select[Any]:
    query = _listed().where(~apart(_stand.owner_id, viewer_id))
    if tags:
        query = query.join(tracks, tracks.c.id == _stand.track_id).where(tracks.c.tags.contains(list(tags)))
    return query


def _before(listing: str, cursor: str, query: Select[Any]) -> Select[Any]:
    if place := moment_behind(listing, cursor):
        here = tuple_(literal(place[0], INSTANT), literal(place[1], ID))
        query = query.where(tuple_(_stand.listed_at, _stand.track_id) < here)
    return query


def _latest(query: Select[Any], limit: int) -> Select[Any]:
    return query.order_by(_stand.listed_at.desc(), _stand.track_id.desc()).limit(limit)
