"""SQL of finding: the feed, what everybody makes, and the search; ids in order, each with the cursor behind it.

Every query walks an index in the order of its answer, or narrows by words first and sorts what is left, of which there
is a bounded number. `tests/integration/user_management/test_social_plans.py` holds the plans to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Float,
    FromClause,
    Row,
    ScalarSelect,
    Select,
    case,
    cast,
    func,
    lateral,
    literal,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.accounts.tables import users
from services.user_management.library.search import words
from services.user_management.library.tables import tracks
from services.user_management.metadata import ID, INSTANT
from services.user_management.paging import behind, moment_behind, number_behind
from services.user_management.prepared import LIMIT, PERSON, TAGS, WORDS, Found, Prepared, person
from services.user_management.social.tables import follows, person_standings, track_standings
from services.user_management.social.visibility import apart, muted_by

Place = tuple[UUID, str]
# Values, or what a prepared query leaves open.
Whose = UUID | BindParameter[UUID]
Most = int | BindParameter[int]

# What a search ranks: those of the hottest tracks that match, if they are enough, or the hottest (the most followed
# people) of all that match.
HOTTEST: Final = 2_000
ENOUGH: Final = 24
NAMED: Final = 10_000
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
        if not cursor:
            return _by_time("feed", await _FEED.rows(self._connection, person=viewer_id, limit=limit))
        return _by_time("feed", await self._connection.execute(feed_query(viewer_id, cursor, limit)))

    async def of_owner(self, owner_id: UUID, cursor: str, limit: int) -> list[Place]:
        """A person's listed tracks, latest first."""
        query = _before("tracks", cursor, _listed().where(_stand.owner_id == owner_id))
        return _by_time("tracks", await self._connection.execute(_latest(query, limit)))

    async def latest(self, viewer_id: UUID, tags: Sequence[str], cursor: str, limit: int) -> list[Place]:
        """Everybody's tracks, latest first."""
        if not tags and not cursor:
            return _by_time("new", await _LATEST.rows(self._connection, person=viewer_id, limit=limit))
        return _by_time("new", await self._connection.execute(latest_query(viewer_id, tags, cursor, limit)))

    async def trending(self, viewer_id: UUID, tags: Sequence[str], cursor: str, limit: int) -> list[Place]:
        """Everybody's tracks, hottest first."""
        rows: Iterable[Row[Any] | Found]
        if not tags and not cursor:
            rows = await _TRENDING.rows(self._connection, person=viewer_id, limit=limit)
        else:
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
        rows: Iterable[Row[Any] | Found]
        if not cursor:
            found = _FOUND_TAGGED_TRACKS if tags else _FOUND_TRACKS
            tagged = {"tags": list(tags)} if tags else {}
            rows = await found.rows(self._connection, words=_beginnings(text), person=viewer_id, limit=limit, **tagged)
        else:
            rows = await self._connection.execute(search_tracks_query(viewer_id, text, tags, cursor, limit))
        return [(row.id, behind("found-tracks", row.rank, row.id)) for row in rows]

    async def search_people(self, viewer_id: UUID, text: str, cursor: str, limit: int) -> list[Place]:
        """People whose names match, best first. Raises `AppError` (VALIDATION)."""
        rows = await self._connection.execute(search_people_query(viewer_id, text, cursor, limit))
        return [(row.id, behind("found-people", row.rank, row.id)) for row in rows]


def _by_time(listing: str, rows: Iterable[Row[Any] | Found]) -> list[Place]:
    return [(row.track_id, behind(listing, row.listed_at, row.track_id)) for row in rows]


def feed_query(viewer_id: Whose, cursor: str, limit: Most) -> Select[Any]:
    """A page of the feed.

    Whatever is on it is of one of the people whose latest tracks are the latest of all, as many as the page is long: of
    everybody else one track is looked at.
    """
    head = lateral(
        _latest(_before("feed", cursor, _listed().where(_stand.owner_id == follows.c.other_id)), 1).correlate(follows),
        name="head",
    )
    heads = (
        select(follows.c.other_id)
        .select_from(follows.join(head, true()))
        .where(follows.c.person_id == person(viewer_id), ~muted_by(follows.c.other_id, viewer_id))
        .order_by(head.c.listed_at.desc(), head.c.track_id.desc())
        .limit(limit)
        .subquery("heads")
    )
    each = _before("feed", cursor, _listed().where(_stand.owner_id == heads.c.other_id))
    recent = lateral(_latest(each, limit).correlate(heads), name="recent")
    return (
        select(recent.c.track_id, recent.c.listed_at)
        .select_from(heads.join(recent, true()))
        .order_by(recent.c.listed_at.desc(), recent.c.track_id.desc())
        .limit(limit)
    )


def latest_query(viewer_id: Whose, tags: Sequence[str], cursor: str, limit: Most) -> Select[Any]:
    """A page of everybody's tracks by time."""
    return _latest(_before("new", cursor, _everybodys(viewer_id, tags)), limit)


def trending_query(viewer_id: Whose, tags: Sequence[str], cursor: str, limit: Most) -> Select[Any]:
    """A page of everybody's tracks by heat."""
    query = _everybodys(viewer_id, tags).add_columns(_stand.heat)
    if place := number_behind("trending", cursor):
        query = query.where(tuple_(_stand.heat, _stand.track_id) < tuple_(literal(place[0]), literal(place[1], ID)))
    return query.order_by(_stand.heat.desc(), _stand.track_id.desc()).limit(limit)


def trending_tags_query(limit: int) -> Select[Any]:
    """The commonest tags of the hottest tracks."""
    hot = _fenced(select(_stand.track_id).where(_stand.listed).order_by(_stand.heat.desc()).limit(HOT_TRACKS), "hot")
    one = _by_key(select(tracks.c.tags).where(tracks.c.id == hot.c.track_id), hot, "one")
    tagged = select(func.unnest(one.c.tags).label("tag")).select_from(hot.join(one, true())).subquery()
    count = func.count().label("tracks")
    return select(tagged.c.tag, count).group_by(tagged.c.tag).order_by(count.desc(), tagged.c.tag).limit(limit)


def search_tracks_query(
    viewer_id: Whose,
    text: str | BindParameter[str],
    tags: Sequence[str] | BindParameter[Any],
    cursor: str,
    limit: Most,
) -> Select[Any]:
    """A page of the matching tracks: ranked by how well the words fit, and a little by how many like it.

    What is ranked are those of the hottest tracks that match; where these do not fill a page, the hottest of all that
    match. So a common word is found by walking a little, and a rare one by the index of words, whatever the planner
    believes of it: how common the beginning of a word is, it does not know.
    """
    asked = _asked(text)
    hottest = select(_stand.track_id).where(_stand.listed).order_by(_stand.heat.desc()).limit(HOTTEST)
    hot = _fenced(hottest, "hot")
    one = _by_key(select(tracks.c.id, tracks.c.words, tracks.c.tags).where(tracks.c.id == hot.c.track_id), hot, "one")
    known = _fenced(select(one).select_from(hot.join(one, true())), "known")

    def matching(of: Any) -> list[ColumnElement[bool]]:
        fits = [of.c.words.op("@@")(asked)]
        if isinstance(tags, BindParameter):
            fits.append(of.c.tags.contains(tags))
        elif tags:
            fits.append(of.c.tags.contains(list(tags)))
        return fits

    near = select(known.c.id, known.c.words).where(*matching(known)).cte("near")
    named = _fenced(select(tracks.c.id, tracks.c.words).where(*matching(tracks)).limit(NAMED), "named")
    enough = func.greatest(ENOUGH, limit)
    either = union_all(select(near).where(_count(near) >= enough), select(named).where(_count(near) < enough)).subquery(
        "either"
    )
    of_it = select(_stand.listed, _stand.owner_id, _stand.likes, _stand.heat).where(_stand.track_id == either.c.id)
    standing = _by_key(of_it, either, "standing")
    everywhere = (
        select(either.c.id, either.c.words, standing.c.owner_id, standing.c.likes, standing.c.heat)
        .select_from(either.join(standing, standing.c.listed))
        .subquery("everywhere")
    )
    found = select(everywhere).order_by(everywhere.c.heat.desc()).limit(RANKED_TRACKS).cte("found")
    rank = cast(func.ts_rank(found.c.words, asked), Float(53)) * (1 + func.ln(1 + cast(found.c.likes, Float(53))) / 10)
    # Of those that are ranked, and not before: it would be asked of every track that matches.
    query = select(found.c.id, rank.label("rank")).where(~apart(found.c.owner_id, viewer_id))
    return _ranked("found-tracks", query, rank, found.c.id, cursor).limit(limit)


def search_people_query(viewer_id: UUID, text: str, cursor: str, limit: int) -> Select[Any]:
    """A page of the matching people: whose username it is first, then those whom most follow."""
    asked = _asked(text)
    matching = (
        select(users.c.id, users.c.username, users.c.names, person_standings.c.followers)
        .join(person_standings, person_standings.c.person_id == users.c.id)
        .where(person_standings.c.active, users.c.names.op("@@")(asked))
        .order_by(person_standings.c.followers.desc())
        .limit(RANKED_PEOPLE)
    )
    found = matching.cte("found")
    fit = cast(func.ts_rank(found.c.names, asked), Float(53)) + func.ln(1 + cast(found.c.followers, Float(53)))
    exact = case((found.c.username == text.strip().lower(), 1_000.0), else_=0.0)
    rank = exact + fit
    query = select(found.c.id, rank.label("rank")).where(~apart(found.c.id, viewer_id))
    return _ranked("found-people", query, rank, found.c.id, cursor).limit(limit)


def _asked(text: str | BindParameter[str]) -> ColumnElement[Any]:
    return func.to_tsquery("simple", _beginnings(text) if isinstance(text, str) else text)


def _beginnings(text: str) -> str:
    """The words, each as a whole or as a beginning: whole words rank higher. Raises `AppError` (VALIDATION)."""
    each = (word.removesuffix(":*") for word in words(text).split(" & "))
    return " & ".join(f"({word} | {word}:*)" for word in each)


def _fenced(query: Select[Any], name: str) -> CTE:
    """A part of a query that is carried out by itself."""
    return query.cte(name).prefix_with("MATERIALIZED")


def _by_key(query: Select[Any], of: FromClause, name: str) -> FromClause:
    """A row for each of a few others, found by its key: beside those, the table is not to be read."""
    # The planner takes no query apart that has an offset.
    return lateral(query.correlate(of).offset(0), name=name)


def _count(rows: CTE) -> ScalarSelect[int]:
    return select(func.count()).select_from(rows).scalar_subquery()


def _ranked(
    listing: str, query: Select[Any], rank: ColumnElement[Any], item_id: ColumnElement[UUID], cursor: str
) -> Select[Any]:
    if place := number_behind(listing, cursor):
        query = query.where(tuple_(rank, item_id) < tuple_(literal(place[0], Float(53)), literal(place[1], ID)))
    return query.order_by(rank.desc(), item_id.desc())


def _listed() -> Select[Any]:
    return select(_stand.track_id, _stand.listed_at).where(_stand.listed)


def _everybodys(viewer_id: Whose, tags: Sequence[str]) -> Select[Any]:
    query = _listed().where(~apart(_stand.owner_id, viewer_id), ~muted_by(_stand.owner_id, viewer_id))
    if tags:
        query = query.join(tracks, tracks.c.id == _stand.track_id).where(tracks.c.tags.contains(list(tags)))
    return query


def _before(listing: str, cursor: str, query: Select[Any]) -> Select[Any]:
    if place := moment_behind(listing, cursor):
        here = tuple_(literal(place[0], INSTANT), literal(place[1], ID))
        query = query.where(tuple_(_stand.listed_at, _stand.track_id) < here)
    return query


def _latest(query: Select[Any], limit: Most) -> Select[Any]:
    return query.order_by(_stand.listed_at.desc(), _stand.track_id.desc()).limit(limit)


# The first pages, which are asked for most.
_FEED: Final = Prepared(lambda: feed_query(PERSON, "", LIMIT))
_LATEST: Final = Prepared(lambda: latest_query(PERSON, (), "", LIMIT))
_TRENDING: Final = Prepared(lambda: trending_query(PERSON, (), "", LIMIT))
_FOUND_TRACKS: Final = Prepared(lambda: search_tracks_query(PERSON, WORDS, (), "", LIMIT))
_FOUND_TAGGED_TRACKS: Final = Prepared(lambda: search_tracks_query(PERSON, WORDS, TAGS, "", LIMIT))
