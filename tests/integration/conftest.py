"""Real servers for every integration test: PostgreSQL and Valkey once a session, a fresh migrated database a test.

`postgres_url`, `valkey_url` (session): the servers, shared; use ids of your own in Valkey, it is never flushed.
`database_url`: an empty, migrated database, cloned from a template.
`user_management`: the service on a unix socket with a database of its own (`tests.support.user_management`).
`start_user_management(**settings)`: the same, with other settings, as often as needed.
"""

import contextlib
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.shared.secrets import create_missing
from services.standalone.postgres import PostgresServer
from services.standalone.valkey import ValkeyServer
from services.user_management.auth import passwords
from services.user_management.config import UserManagementSettings
from services.user_management.mail import courier
from services.user_management.migrate import migrate
from services.user_management.server import serving
from tests.support.user_management import UserManagement


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """A folder with a short path: socket paths are limited to about 100 bytes, pytest's own folders come close."""
    with tempfile.TemporaryDirectory(prefix="mg-") as folder:
        path = Path(folder)
        # PostgreSQL refuses to run as root, and its own user has to reach its data.
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="session")
def postgres_server(servers_folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(servers_folder / "pg" / "data", servers_folder / "pg" / "run", durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    return postgres_server.url()


@pytest.fixture(scope="session")
def valkey_server(servers_folder: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(servers_folder / "valkey" / "data", durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey_url(valkey_server: ValkeyServer) -> str:
    return valkey_server.url()


@pytest.fixture(scope="session")
async def database_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated database that nobody is connected to."""
    name = "template_migrated"
    await _execute(postgres_server.url(), f"CREATE DATABASE {name}")
    await migrate(postgres_server.url(name))
    return name


@pytest.fixture
async def empty_database_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """A database without any table."""
    async with _database(postgres_server, "template1") as url:
        yield url


@pytest.fixture
async def database_url(postgres_server: PostgresServer, database_template: str) -> AsyncIterator[str]:
    async with _database(postgres_server, database_template) as url:
        yield url


@pytest.fixture(scope="session")
def secrets_dir(servers_folder: Path) -> Path:
    """Key files, made once."""
    folder = servers_folder / "secrets"
    create_missing(folder)
    return folder


@pytest.fixture
async def start_user_management(
    database_url: str,
    valkey_url: str,
    secrets_dir: Path,
    servers_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Callable[..., Awaitable[UserManagement]]]:
    # What costs time on purpose, or waits: a test that is about it sets its own before it starts the service.
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_PASSES", 1)
    monkeypatch.setattr(courier, "_LOOK_SECONDS", 0.1)
    async with contextlib.AsyncExitStack() as stack:

        async def start(**overrides: Any) -> UserManagement:
            options: dict[str, Any] = {
                "address": f"unix:{servers_folder}/um-{uuid.uuid4().hex[:8]}.sock",
                "database_url": database_url,
                "database_connections": 8,
                "redis_url": valkey_url,
                "secrets_dir": secrets_dir,
                "storage_url": (tmp_path / "objects").as_uri(),
                **overrides,
            }
            settings = UserManagementSettings(**options)
            server = await stack.enter_async_context(serving(settings))
            service = UserManagement(settings, server.address)
            stack.push_async_callback(service.channel.close)
            return service

        yield start


@pytest.fixture
async def user_management(start_user_management: Callable[..., Awaitable[UserManagement]]) -> UserManagement:
    return await start_user_management()


@contextlib.asynccontextmanager
async def _database(server: PostgresServer, template: str) -> AsyncIterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    await _execute(server.url(), f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield server.url(name)
    if server.running:
        await _execute(server.url(), f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
