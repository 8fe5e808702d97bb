"""The crowd that lists are measured with: whole, the same each time, and only where nobody lives."""

from pathlib import Path

import asyncpg
import pytest

from scripts.seed_demo import Scale, SeedError, fill
from services.standalone.postgres import PostgresServer
from tests.support.social import miscounted

pytestmark = pytest.mark.integration

SMALL = Scale(people=60, tracks=500, likes_each=40, follows_each=8, comments=200)


async def test_a_crowd_is_whole(database_url: str, sql: asyncpg.Connection) -> None:
    counts = await fill(database_url, SMALL)
    assert {name: counts[name] for name in ("users", "tracks", "likes", "comments")} == {
        "users": 60,
        "tracks": 500,
        "likes": 2_400,
        "comments": 200,
    }
    assert await miscounted(sql) == [], "what the triggers counted is what is there"
    unbalanced = """
    SELECT count(*) FROM quota_accounts AS account
    WHERE balance_ms <> (SELECT sum(amount_ms) FROM quota_entries AS entry WHERE entry.owner_id = account.owner_id)
    """
    assert await sql.fetchval(unbalanced) == 0
    assert (
        await sql.fetchval(
            "SELECT count(*) FROM tracks JOIN users ON users.id = owner_id WHERE tracks.created_at < users.created_at"
        )
        == 0
    )
    by_time = "SELECT array_agg(id ORDER BY id) = array_agg(id ORDER BY created_at, id) FROM tracks"
    assert await sql.fetchval(by_time), "ids sort by time"
    most, median = await sql.fetchrow(
        "SELECT max(likes), percentile_cont(0.5) WITHIN GROUP (ORDER BY likes) FROM track_standings"
    )
    assert most > 4 * median, "a few are liked by very many"


async def test_a_crowd_does_not_move_in_where_people_live(database_url: str, sql: asyncpg.Connection) -> None:
    await fill(database_url, Scale(people=25, tracks=30, likes_each=2, follows_each=2, comments=5))
    with pytest.raises(SeedError, match="has people already"):
        await fill(database_url, SMALL)
    assert await sql.fetchval("SELECT count(*) FROM users") == 25


async def test_every_run_makes_the_same_crowd(
    postgres_server: PostgresServer, database_template: str, tmp_path: Path
) -> None:
    seen = []
    admin = await asyncpg.connect(postgres_server.url())
    for number in range(2):
        name = f"crowd_{tmp_path.name[-6:].replace('-', '_')}_{number}".lower()
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {database_template} STRATEGY FILE_COPY")
        await fill(postgres_server.url(name), Scale(people=25, tracks=50, likes_each=5, follows_each=3, comments=9))
        connection = await asyncpg.connect(postgres_server.url(name))
        seen.append(await connection.fetch("SELECT * FROM likes ORDER BY 1, 2"))
        await connection.close()
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()
    assert seen[0] == seen[1]
