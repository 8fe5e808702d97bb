"""Migrated databases for tests, one at a time each: what a test has written is deleted and the next takes it over.

To copy a database and to drop it costs PostgreSQL a tenth of a second each time; to delete a few rows, milliseconds.
One is dropped after all when more was done to it: a changed schema, thousands of rows, settings.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import asyncpg

from services.standalone.postgres import PostgresServer
from services.user_management.migrate import migrate

# Beyond these the dead rows would be felt by the next.
_MOST_ROWS = 2_000
# The versions of the rows that make up the schema: copies have those of their template, until one is changed.
_SCHEMA = """
SELECT (SELECT sum(xmin::text::bigint) FROM pg_class), (SELECT count(*) FROM pg_class),
       (SELECT sum(xmin::text::bigint) FROM pg_attribute), (SELECT sum(xmin::text::bigint) FROM pg_constraint),
       (SELECT sum(xmin::text::bigint) FROM pg_proc), (SELECT sum(xmin::text::bigint) FROM pg_trigger),
       (SELECT count(*) FROM pg_namespace), (SELECT count(*) FROM pg_db_role_setting)
"""
_ALONE = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_EMPTY = """
DO $$
DECLARE
    place regclass;
    rows bigint;
    total bigint := 0;
BEGIN
    PERFORM set_config('session_replication_role', 'replica', true);
    FOR place IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
        IF place <> 'alembic_version'::regclass THEN
            EXECUTE 'DELETE FROM ' || place;
            GET DIAGNOSTICS rows = ROW_COUNT;
            total := total + rows;
        END IF;
    END LOOP;
    PERFORM setval(seqrelid, seqstart, false) FROM pg_sequence;
    PERFORM set_config('tests.deleted_rows', total::text, false);
END $$
"""


@dataclass
class MigratedDatabases:
    """Those of one server. `free`: names of those that nobody uses."""

    server: PostgresServer
    template: str
    schema: tuple[object, ...]
    free: list[str] = field(default_factory=list)

    @classmethod
    async def made(cls, server: PostgresServer) -> MigratedDatabases:
        """The template, which holds nothing that `_EMPTY` would take away."""
        template = await new_database(server, "template1")
        await migrate(server.url(template))
        async with _connection(server.url(template)) as connection:
            await connection.execute(_EMPTY)
            assert await connection.fetchval("SELECT current_setting('tests.deleted_rows')") == "0"
            return cls(server, template, await _schema(connection))

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[str]:
        """The address of a database for one test."""
        name = self.free.pop() if self.free else await new_database(self.server, self.template)
        yield self.server.url(name)
        if not self.server.running:
            return
        if await self._emptied(name):
            self.free.append(name)
        else:
            await drop_database(self.server, name)

    async def _emptied(self, name: str) -> bool:
        """Whether it is as the template is; nobody is connected to it any more."""
        with contextlib.suppress(asyncpg.PostgresError):
            async with _connection(self.server.url(name)) as connection:
                await connection.execute(_ALONE)
                if await _schema(connection) != self.schema:
                    return False
                await connection.execute(_EMPTY)
                deleted = await connection.fetchval("SELECT current_setting('tests.deleted_rows')")
                return int(deleted) <= _MOST_ROWS
        return False


async def new_database(server: PostgresServer, template: str) -> str:
    """Make a copy of a database that nobody is connected to; its name."""
    name = f"test_{uuid.uuid4().hex}"
    async with _connection(server.url()) as connection:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    return name


async def drop_database(server: PostgresServer, name: str) -> None:
    """Remove a database, whoever is connected to it, if its server runs."""
    if server.running:
        async with _connection(server.url()) as connection:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def _schema(connection: asyncpg.Connection) -> tuple[object, ...]:
    return tuple(await connection.fetchrow(_SCHEMA))


@contextlib.asynccontextmanager
async def _connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()
