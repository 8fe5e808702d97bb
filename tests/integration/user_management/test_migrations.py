"""The schema: up, down, up; one replica at a time; the same as the tables that the code uses."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from services.shared.errors import AppError, ErrorCode
from services.standalone.postgres import PostgresServer
from services.user_management.accounts.tables import users
from services.user_management.auth.tables import sessions
from services.user_management.database import open_engine
from services.user_management.jobs.tables import jobs
from services.user_management.library.tables import tracks
from services.user_management.metadata import metadata
from services.user_management.migrate import migrate
from services.user_management.notifications.tables import notifications
from services.user_management.quotas.tables import quota_accounts
from services.user_management.social.tables import follows, likes

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]
TABLES = {table.name for table in (users, sessions, jobs, tracks, quota_accounts, follows, likes, notifications)}


async def tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    return {row["tablename"] for row in rows} - {"alembic_version"}


async def test_schema_goes_up_down_and_up_again(empty_database_url: str) -> None:
    await migrate(empty_database_url)
    assert await tables(empty_database_url) == set(metadata.tables)
    while await tables(empty_database_url) == set(metadata.tables):
        await migrate(empty_database_url, "-1")
    assert await tables(empty_database_url) < set(metadata.tables)
    await migrate(empty_database_url, "base")
    assert await tables(empty_database_url) == set()
    await migrate(empty_database_url)
    assert await tables(empty_database_url) == set(metadata.tables)


async def test_migrations_make_what_the_code_expects(database_url: str) -> None:
    assert set(metadata.tables) > TABLES

    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    engine = open_engine(database_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_replicas_that_start_together_migrate_one_after_the_other(empty_database_url: str) -> None:
    await asyncio.gather(*(migrate(empty_database_url) for _ in range(4)))
    assert await tables(empty_database_url) == set(metadata.tables)


async def test_migration_gives_up_on_a_table_in_use_and_says_what_to_do(empty_database_url: str) -> None:
    await migrate(empty_database_url, "0016")
    holder = await asyncpg.connect(empty_database_url)
    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("LOCK TABLE users IN ACCESS SHARE MODE")
        with pytest.raises(AppError) as refused:
            await migrate(empty_database_url, lock_seconds=0.2)
        assert refused.value.code is ErrorCode.UNAVAILABLE
        assert "pg_stat_activity" in refused.value.message
        assert "MUSICGEN_USER_MANAGEMENT_MIGRATION_LOCK_SECONDS" in refused.value.message
        assert await holder.fetchval("SELECT version_num FROM alembic_version") == "0016", "as it was before"
        await transaction.rollback()
        await migrate(empty_database_url, lock_seconds=0.2)
        assert await tables(empty_database_url) == set(metadata.tables)
    finally:
        await holder.close()


async def test_migration_waits_for_a_late_server(servers_folder: Path) -> None:
    server = PostgresServer(servers_folder / "late" / "data", servers_folder / "late" / "run", durable=False)
    starter = threading.Timer(0.5, server.start)
    begun = time.monotonic()
    starter.start()
    try:
        await migrate(server.url(), wait_seconds=30)
        assert await tables(server.url()) == set(metadata.tables)
        assert time.monotonic() - begun >= 0.5
    finally:
        starter.join()
        server.stop()


async def test_server_that_never_comes_is_named_in_one_sentence() -> None:
    with pytest.raises(AppError) as refused:
        await migrate("postgresql://musicgen@/musicgen?host=/nowhere", wait_seconds=0.1)
    assert refused.value.code is ErrorCode.UNAVAILABLE
    assert "MUSICGEN_USER_MANAGEMENT_DATABASE_URL" in refused.value.message


def test_command_migrates_alone(empty_database_url: str) -> None:
    def run(*arguments: str, url: str = empty_database_url) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "services.user_management.migrate", *arguments],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "MUSICGEN_USER_MANAGEMENT_DATABASE_URL": url,
                "MUSICGEN_USER_MANAGEMENT_DATABASE_WAIT_SECONDS": "0.1",
            },
            capture_output=True,
            text=True,
            timeout=60,
        )

    up = run()
    assert up.returncode == 0, up.stderr
    assert '"event":"migrated"' in up.stdout
    assert run("base").returncode == 0
    away = run(url="postgresql://musicgen@/musicgen?host=/nowhere")
    assert away.returncode != 0
    assert "Traceback" not in away.stderr
    assert "PostgreSQL could not be reached" in away.stderr
