"""That a test finds its database as a new one, though another had it before."""

import asyncpg
import pytest

from tests.support.migrated_databases import MigratedDatabases

pytestmark = pytest.mark.integration

PERSON = "INSERT INTO users (id, username, email, email_folded) VALUES (gen_random_uuid(), 'ann', 'a@b.c', 'a@b.c')"


async def run_on_one(databases: MigratedDatabases, statement: str) -> str:
    """The address of the database that `statement` was run on, and that is free again."""
    async with databases.one() as url:
        connection = await asyncpg.connect(url)
        await connection.execute(statement)
        await connection.close()
    return url


async def test_next_test_gets_the_same_database_without_its_rows(migrated_databases: MigratedDatabases) -> None:
    first = await run_on_one(migrated_databases, PERSON)
    assert await run_on_one(migrated_databases, PERSON) == first, "and the name is not taken"


@pytest.mark.parametrize("change", ["CREATE SEQUENCE more", "ALTER TABLE users ALTER full_name DROP NOT NULL"])
async def test_database_with_another_schema_is_nobodys(migrated_databases: MigratedDatabases, change: str) -> None:
    changed = await run_on_one(migrated_databases, change)
    assert await run_on_one(migrated_databases, PERSON) != changed
