"""The plans of feed, explore, search and comments: by index, and over few rows, in a database with many."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.database import Database, open_engine
from services.user_management.social.comments import CommentRepository
from services.user_management.social.discovery import DiscoveryRepository
from services.user_management.social.likes import LikeRepository
from services.user_management.social.people import PeopleRepository
from services.user_management.social.person import Circle
from tests.support.asked import Asked, note_queries
from tests.support.social import miscounted

pytestmark = pytest.mark.integration

# What grows with every song and every person; of the others a glance over all is no matter.
LARGE = {"tracks", "track_standings", "likes", "comments", "follows"}

PEOPLE, TRACKS, LIKES = 3_000, 30_000, 60_000
WORDS = "rain tin piano night train harbour glass winter amber river stone paper silver bell cedar dawn"

SEED = f"""
INSERT INTO users (id, username, email, email_folded)
SELECT gen_random_uuid(), 'person-' || n, 'p' || n, 'p' || n FROM generate_series(1, {PEOPLE}) n;
INSERT INTO jobs (id, owner_id, kind, queue, status, request, finished_at)
SELECT gen_random_uuid(), id, 'generate', 'generation', 'succeeded', '{{}}', now() FROM users;
INSERT INTO tracks (id, owner_id, job_id, title, prompt, model, seed, duration_seconds, sample_rate_hz, channels,
    loudness_lufs, true_peak_dbtp, bpm, key, tags, master_object_key, midi_object_key, licence_name,
    licence_commercial_use, model_revision, engine_version, runtime, precision, mastering_gain_db, master_sha256,
    public, created_at)
SELECT gen_random_uuid(), owner.id, owner.job_id,
    word[1 + n % 16] || ' ' || word[1 + (n / 16) % 16] || CASE WHEN n % 500 = 0 THEN ' zephyr' ELSE '' END,
    word[1 + (n / 7) % 16] || ' song', 'composer', n, 30, 44100, 2, -14, -1, 90, 'A minor',
    ARRAY[word[1 + n % 16], CASE WHEN n % 100 = 0 THEN 'rare' ELSE 'common' END],
    'x', 'x', 'MIT', true, '1', '1', 'numpy', 'float32', 0, 'x', n % 5 > 0, now() - make_interval(mins => n)
FROM generate_series(1, {TRACKS}) n
JOIN (
    SELECT users.id, jobs.id AS job_id, row_number() OVER (ORDER BY users.id) - 1 AS number
    FROM users JOIN jobs ON jobs.owner_id = users.id
) owner ON owner.number = n % {PEOPLE},
LATERAL (SELECT string_to_array('{WORDS}', ' ') AS word) words;
INSERT INTO likes (track_id, person_id, created_at)
SELECT track.id, person.id, now() - make_interval(mins => (n % 100000)::int)
FROM generate_series(1, {LIKES}) n
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM tracks) track
    ON track.number = (n::bigint * 7919 + n / {PEOPLE} * 31) % {TRACKS}
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM users) person ON person.number = n % {PEOPLE}
ON CONFLICT DO NOTHING;
INSERT INTO follows (person_id, other_id)
SELECT one.id, other.id FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM users) one
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS number FROM users) other
    ON one.id <> other.id
    AND (one.number = 1 AND other.number % 5 = 0 OR other.number = 1 OR other.number % 97 = one.number % 97);
INSERT INTO comments (id, track_id, author_id, body, position_seconds)
SELECT gen_random_uuid(), track.id, person.id, 'x', n % 30
FROM generate_series(1, 40000) n
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM tracks) track
    ON track.number = CASE WHEN n % 2 = 0 THEN 0 ELSE n % {TRACKS} END
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM users) person ON person.number = n % {PEOPLE};
"""


@dataclass
class Crowd:
    """A database full of people, the one who follows a fifth of them, and a track of which much is said."""

    database: Database
    sql: asyncpg.Connection
    asked: Asked
    viewer: UUID
    track: UUID

    async def plans(self, ask: Callable[[AsyncConnection], Awaitable[Any]]) -> list[dict[str, Any]]:
        """Every node of the plans of what a call asks the database, as it was carried out."""
        del self.asked[:]
        await self.database.read(ask)
        await asyncio.sleep(0)
        asked = list(self.asked)
        assert asked
        nodes: list[dict[str, Any]] = []

        def walk(node: dict[str, Any]) -> None:
            nodes.append(node)
            for part in node.get("Plans", ()):
                walk(part)

        for statement, parameters in asked:
            [plan] = orjson.loads(await self.sql.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *parameters))
            walk({**plan["Plan"], "Execution Time": plan["Execution Time"]})
        return nodes


@pytest.fixture
async def crowd(database_url: str, sql: asyncpg.Connection) -> AsyncIterator[Crowd]:
    await sql.execute(SEED)
    # As the server does by itself in time: statistics, and words where the index has them.
    await sql.execute("VACUUM ANALYZE")
    assert await miscounted(sql) == [], "counters hold in bulk"
    viewer = await sql.fetchval("SELECT person_id FROM follows GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
    track = await sql.fetchval("SELECT track_id FROM comments GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
    engine = open_engine(database_url, connections=2, statement_seconds=30.0, custom_plans=True)
    asked = note_queries(engine)
    database = Database(engine)
    yield Crowd(database, sql, asked, viewer, track)
    await database.close()


def touched(nodes: list[dict[str, Any]]) -> int:
    """How many rows the scans of a plan looked at."""
    scans = [node for node in nodes if "Scan" in node["Node Type"] and "Relation Name" in node]
    return round(
        sum((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in scans)
    )


Ask = Callable[[Crowd, AsyncConnection], Awaitable[Any]]

# What is asked, the index that has to lead to it, and how many rows may be looked at.
CALLS: dict[str, tuple[Ask, str, int]] = {
    "feed": (
        lambda crowd, connection: DiscoveryRepository(connection).feed(crowd.viewer, "", 21),
        "track_standings_owner_id_listed_at_track_id_idx",
        # One track of each of the 600, and the latest of the page's people.
        600 + 600 + 21 * 21 + 100,
    ),
    "trending": (
        lambda crowd, connection: DiscoveryRepository(connection).trending(crowd.viewer, (), "", 21),
        "track_standings_heat_track_id_idx",
        200,
    ),
    "new": (
        lambda crowd, connection: DiscoveryRepository(connection).latest(crowd.viewer, (), "", 21),
        "track_standings_listed_at_track_id_idx",
        200,
    ),
    "trending of a common tag": (
        lambda crowd, connection: DiscoveryRepository(connection).trending(crowd.viewer, ("common",), "", 21),
        "track_standings_heat_track_id_idx",
        400,
    ),
    "new of a rare tag": (
        lambda crowd, connection: DiscoveryRepository(connection).latest(crowd.viewer, ("rare", "rain"), "", 21),
        "tracks_tags_idx",
        3_000,
    ),
    "trending tags": (
        lambda _, connection: DiscoveryRepository(connection).trending_tags(20),
        "track_standings_heat_track_id_idx",
        4_000,
    ),
    "search for a rare word": (
        lambda crowd, connection: DiscoveryRepository(connection).search_tracks(crowd.viewer, "zephyr", (), "", 21),
        "tracks_words_idx",
        4_500,
    ),
    "search for a common word": (
        lambda crowd, connection: DiscoveryRepository(connection).search_tracks(crowd.viewer, "song", (), "", 21),
        "track_standings_heat_track_id_idx",
        6_500,
    ),
    "search for a person": (
        lambda crowd, connection: DiscoveryRepository(connection).search_people(crowd.viewer, "person 77", "", 21),
        "users_names_idx",
        1_000,
    ),
    "a person's tracks": (
        lambda crowd, connection: DiscoveryRepository(connection).of_owner(crowd.viewer, "", 21),
        "track_standings_owner_id_listed_at_track_id_idx",
        50,
    ),
    "comments": (
        lambda crowd, connection: CommentRepository(connection).newest(crowd.track, crowd.viewer, "", 21),
        "comments_track_id_id_idx",
        200,
    ),
    "comments along the track": (
        lambda crowd, connection: CommentRepository(connection).along(crowd.track, crowd.viewer, "", 21),
        "comments_track_id_position_seconds_id_idx",
        200,
    ),
    "whom one follows": (
        lambda crowd, connection: PeopleRepository(connection).circle(
            crowd.viewer, Circle.FOLLOWING, crowd.viewer, "", 21
        ),
        "follows_person_id_created_at_other_id_idx",
        1_500,
    ),
    "what one likes": (
        lambda crowd, connection: LikeRepository(connection).of_person(crowd.viewer, "", 21),
        "likes_person_id_created_at_track_id_idx",
        200,
    ),
}


async def test_lists_of_a_crowd_are_read_by_index(crowd: Crowd) -> None:
    """One test, because its database takes seconds to fill."""
    wrong = []
    for name, (ask, index, most) in CALLS.items():
        nodes = await crowd.plans(lambda connection, ask=ask: ask(crowd, connection))
        used = {node["Index Name"] for node in nodes if "Index Name" in node}
        done = [node for node in nodes if node["Actual Loops"]]
        scanned = {node["Relation Name"] for node in done if node["Node Type"] == "Seq Scan"} & LARGE
        rows = touched(nodes)
        print(f"{name}: {rows} rows by {', '.join(sorted(used))}")
        if index not in used or scanned or rows > most:
            wrong.append((name, index in used, scanned, rows))
    assert wrong == []
    # Two words fit some forty of the hottest tracks, and hundreds of all.
    for most in (21, 101):
        found = await crowd.database.read(
            lambda connection, most=most: DiscoveryRepository(connection).search_tracks(
                crowd.viewer, "rain tin", (), "", most
            )
        )
        assert len(found) == most
