"""A Valkey of this folder's own (tests kill it), storage in memory, and a gRPC server that answers what a test says."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from services.shared.identity import TokenVerifier
from services.shared.ids import new_id
from services.shared.secrets import Secrets, create_missing
from services.shared.storage import ObjectStore
from services.shared.valkey import open_valkey
from services.standalone.valkey import ValkeyServer


@pytest.fixture(scope="session")
def short_dir() -> Iterator[Path]:
    """A folder whose path leaves room for socket names (107 bytes in all)."""
    folder = Path(tempfile.mkdtemp(prefix="mg"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path_factory.mktemp("valkey") / "data")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
async def redis(valkey: ValkeyServer) -> AsyncIterator[Redis]:
    client = open_valkey(valkey.url())
    yield client
    await client.aclose()


@pytest.fixture(scope="session")
def store() -> ObjectStore:
    return ObjectStore.from_url("memory://")


@pytest.fixture
def job_id() -> str:
    return new_id()


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    folder = tmp_path_factory.mktemp("secrets")
    create_missing(folder)
    return Secrets(folder)


@pytest.fixture(scope="session")
def verifier(secrets: Secrets) -> TokenVerifier:
    return TokenVerifier(secrets.internal_token_public_key(), secrets.service_token_key())


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]:
    """Waits until an async condition holds, at most 15 s."""

    async def wait(condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(60):
            while not await condition():  # noqa: ASYNC110 — the condition lies in another process
                await asyncio.sleep(0.01)

    return wait
