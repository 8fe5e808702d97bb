"""The plans of playlists, projects, versions and reports: by index, and over few rows, where one person has many."""

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
from services.user_management.library.repository import TrackRepository
from services.user_management.library.search import Wanted
from services.user_management.moderation.report import Status
from services.user_management.moderation.repository import ReportRepository
from services.user_management.playlists.repository import PlaylistRepository
from services.user_management.projects.repository import ProjectRepository
from services.user_management.sharing.repository import ShareRepository
from tests.support.asked import Asked, note_queries

pytestmark = pytest.mark.integration

# Two people with 10,000 tracks each; every track of the second is a remix of the first's first one.
SEED = """
INSERT INTO users (id, username, email, email_folded)
SELECT gen_random_uuid(), 'person-' || n, 'p' || n, 'p' || n FROM generate_series(1, 200) n;
INSERT INTO jobs (id, owner_id, kind, queue, status, request, finished_at)
SELECT gen_random_uuid(), id, 'generate', 'generation', 'succeeded', '{}', now() FROM users;
INSERT INTO projects (id, owner_id, title)
SELECT gen_random_uuid(), users.id, 'x' FROM users, generate_series(1, 50);
INSERT INTO tracks (id, owner_id, job_id, title, prompt, model, seed, duration_seconds, sample_rate_hz, channels,
    loudness_lufs, true_peak_dbtp, bpm, key, master_object_key, midi_object_key, licence_name, licence_commercial_use,
    model_revision, engine_version, runtime, precision, mastering_gain_db, master_sha256, public, project_id)
SELECT gen_random_uuid(), users.id, jobs.id, 'x', 'x', 'composer', n, 30, 44100, 2, -14, -1, 90, 'A minor', 'x', 'x',
    'MIT', true, '1', '1', 'numpy', 'float32', 0, 'x', true,
    CASE WHEN n % 100 = 0 THEN (SELECT id FROM projects WHERE owner_id = users.id LIMIT 1) END
FROM users JOIN jobs ON jobs.owner_id = users.id, generate_series(1, 10000) n
WHERE users.username IN ('person-1', 'person-2');
UPDATE tracks SET parent_id = (SELECT min(t.id::text)::uuid FROM tracks t JOIN users u ON u.id = t.owner_id
    WHERE u.username = 'person-1') FROM users WHERE users.id = owner_id AND username = 'person-2';
INSERT INTO playlists (id, owner_id, title, public)
SELECT gen_random_uuid(), users.id, 'x', true FROM users, generate_series(1, 100);
INSERT INTO playlist_tracks (playlist_id, track_id, rank)
SELECT playlists.id, tracks.id, row_number() OVER ()
FROM (SELECT id FROM playlists LIMIT 10) playlists, (SELECT id FROM tracks LIMIT 2000) tracks;
INSERT INTO playlist_members (playlist_id, user_id, accepted_at)
SELECT playlists.id, users.id, now() FROM playlists, users WHERE users.username = 'person-3' AND owner_id <> users.id;
INSERT INTO reports (id, reporter_id, kind, subject_id, owner_id, subject_text, reason, status)
SELECT gen_random_uuid(), NULL, 'track', tracks.id, owner_id, 'x', 'spam',
    CASE WHEN random() < 0.1 THEN 'open' ELSE 'acted' END
FROM tracks;
INSERT INTO share_links (id, track_id, token_sha256, prefix)
SELECT gen_random_uuid(), id, sha256(id::text::bytea), 'x' FROM tracks;
ANALYZE;
"""


@dataclass
class Shelf:
    """A database, who has much in it, and the largest things."""

    database: Database
    sql: asyncpg.Connection
    asked: Asked
    owner: UUID
    member: UUID
    song: UUID
    project: UUID
    playlist: UUID
    token: bytes

    async def nodes(self, ask: Callable[[AsyncConnection], Awaitable[Any]]) -> list[dict[str, Any]]:
        """Every node of the plans of what a call asks the database, as it was carried out."""
        del self.asked[:]
        assert await self.database.read(ask)
        await asyncio.sleep(0)
        assert self.asked
        found: list[dict[str, Any]] = []

        def walk(node: dict[str, Any]) -> None:
            found.append(node)
            for part in node.get("Plans", ()):
                walk(part)

        for statement, parameters in list(self.asked):
            plan = await self.sql.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *parameters)
            walk(orjson.loads(plan)[0]["Plan"])
        return found


@pytest.fixture
async def shelf(database_url: str, sql: asyncpg.Connection) -> AsyncIterator[Shelf]:
    await sql.execute(SEED)
    engine = open_engine(database_url, connections=2, statement_seconds=30.0)
    asked = note_queries(engine)
    database = Database(engine)
    owner = await sql.fetchval("SELECT id FROM users WHERE username = 'person-2'")
    yield Shelf(
        database,
        sql,
        asked,
        owner,
        await sql.fetchval("SELECT id FROM users WHERE username = 'person-3'"),
        await sql.fetchval("SELECT parent_id FROM tracks WHERE parent_id IS NOT NULL LIMIT 1"),
        await sql.fetchval(
            "SELECT project_id FROM tracks WHERE project_id IS NOT NULL AND owner_id = $1 LIMIT 1", owner
        ),
        await sql.fetchval("SELECT playlist_id FROM playlist_tracks LIMIT 1"),
        await sql.fetchval("SELECT token_sha256 FROM share_links LIMIT 1"),
    )
    await database.close()


def touched(nodes: list[dict[str, Any]]) -> int:
    """How many rows the scans of a plan looked at."""
    scans = [node for node in nodes if "Scan" in node["Node Type"] and "Relation Name" in node]
    return round(
        sum((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in scans)
    )


Ask = Callable[[Shelf, AsyncConnection], Awaitable[Any]]

# What is asked, the index that has to lead to it, and how many rows may be looked at.
CALLS: dict[str, tuple[Ask, str, int]] = {
    "own playlists": (
        lambda shelf, connection: PlaylistRepository(connection).of(shelf.owner, None, 21),
        "playlists_owner_id_id_idx",
        300,
    ),
    "playlists of a member of many": (
        lambda shelf, connection: PlaylistRepository(connection).of(shelf.member, None, 21),
        "playlist_members_user_id_playlist_id_idx",
        600,
    ),
    "a page of a full playlist": (
        lambda shelf, connection: PlaylistRepository(connection).placed(
            shelf.playlist, shelf.owner, after=None, limit=21
        ),
        # Positions count all of its tracks, so that all are read, by the key or in order.
        "playlist_tracks_",
        9_000,
    ),
    "tracks of a project": (
        lambda shelf, connection: TrackRepository(connection).listed(
            shelf.owner, Wanted(project_id=shelf.project), "", 21
        ),
        "tracks_project_id_id_idx",
        300,
    ),
    "projects": (
        lambda shelf, connection: ProjectRepository(connection).page(shelf.owner, None, 21),
        "projects_owner_id_id_idx",
        500,
    ),
    "the queue": (
        lambda _, connection: ReportRepository(connection).page(Status.OPEN, None, None, 21),
        "reports_status_id_idx",
        500,
    ),
    "links of a track": (
        lambda shelf, connection: ShareRepository(connection).of_track(shelf.song),
        "share_links_track_id_id_idx",
        5,
    ),
    "what a link leads to": (
        lambda shelf, connection: ShareRepository(connection).by_token(shelf.token),
        "share_links_token_sha256_key",
        10,
    ),
}


async def test_lists_are_led_by_an_index(shelf: Shelf) -> None:
    wrong = {}
    for name, (ask, index, most) in CALLS.items():
        nodes = await shelf.nodes(lambda connection, ask=ask: ask(shelf, connection))
        used = {node["Index Name"] for node in nodes if "Index Name" in node}
        if not any(found.startswith(index) for found in used) or touched(nodes) > most:
            wrong[name] = (used, touched(nodes))
    assert wrong == {}
