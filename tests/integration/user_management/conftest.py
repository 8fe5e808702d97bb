"""What the tests of user_management share: direct access to its database and to Valkey."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from redis.asyncio import Redis

from services.shared.valkey import open_valkey


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test's own to the service's database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def valkey(valkey_url: str) -> AsyncIterator[Redis]:
    client = open_valkey(valkey_url)
    yield client
    await client.aclose()
