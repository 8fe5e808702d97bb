"""The parts that a worker leans on go away in the middle of a song, and come back."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from protos.users.v1 import jobs_pb2
from services.shared.errors import AppError
from services.standalone.valkey import ValkeyServer
from services.user_management.config import UserManagementSettings
from services.user_management.server import serving
from tests.support.user_management import UserManagement

pytestmark = pytest.mark.integration


class Restartable(UserManagement):
    """A user_management that can be stopped and started again at the same address."""

    async def start(self) -> None:
        self.stack = contextlib.AsyncExitStack()
        await self.stack.enter_async_context(serving(self.settings))

    async def stop(self) -> None:
        await self.stack.aclose()


@pytest.fixture
def valkey_server(servers_folder: Path) -> Iterator[ValkeyServer]:
    """A Valkey of this test's own, which keeps what it was told."""
    server = ValkeyServer(servers_folder / f"valkey-{uuid.uuid4().hex[:8]}" / "data", durable=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey_url(valkey_server: ValkeyServer) -> str:
    return valkey_server.url()


@pytest.fixture
async def user_management(
    database_url: str, valkey_url: str, secrets_dir: Path, servers_folder: Path, tmp_path: Path
) -> AsyncIterator[Restartable]:
    settings = UserManagementSettings(
        address=f"unix:{servers_folder}/um-{uuid.uuid4().hex[:8]}.sock",
        database_url=database_url,
        database_connections=8,
        redis_url=valkey_url,
        secrets_dir=secrets_dir,
        storage_url=(tmp_path / "objects").as_uri(),
    )
    service = Restartable(settings, settings.address)
    await service.start()
    yield service
    await service.channel.close()
    await service.stop()


async def test_song_is_completed_although_the_ledger_was_away(
    generation: Any, start_worker: Callable[..., Awaitable[Any]]
) -> None:
    await start_worker()
    job = await generation.submit(duration_seconds=4, spec={"speed": 4})
    listening = asyncio.create_task(generation.heard(job))
    await generation.playing(job)
    await generation.users.stop()
    heard = await listening  # the song is made now, and cannot be told
    await generation.users.start()
    ended = await generation.ended(job, within=60)
    assert (ended.status, ended.attempts, len(ended.track_ids)) == (jobs_pb2.JOB_STATUS_SUCCEEDED, 0, 1)
    assert len(heard) == 44 + 4 * 44_100 * 4


async def test_worker_claims_again_when_the_ledger_is_back(
    generation: Any, start_worker: Callable[..., Awaitable[Any]]
) -> None:
    await start_worker()
    await generation.users.stop()
    await asyncio.sleep(1.5)  # longer than the worker's own asking: it meets the outage
    await generation.users.start()
    ended = await generation.ended(await generation.submit(), within=60)
    assert ended.status == jobs_pb2.JOB_STATUS_SUCCEEDED


async def test_killed_valkey_costs_neither_the_song_nor_the_listener(
    generation: Any, start_worker: Callable[..., Awaitable[Any]], valkey_server: ValkeyServer
) -> None:
    await start_worker()
    job = await generation.submit(duration_seconds=8, spec={"speed": 4})
    listening = asyncio.create_task(generation.heard(job))
    await generation.playing(job)
    valkey_server.kill()
    valkey_server.start()
    ended = await generation.ended(job, within=60)
    assert (ended.status, ended.attempts) == (jobs_pb2.JOB_STATUS_SUCCEEDED, 0)
    async with asyncio.timeout(60):
        assert len(await listening) == 44 + 8 * 44_100 * 4


async def test_song_goes_on_without_listeners_when_its_channel_is_lost(
    generation: Any, start_worker: Callable[..., Awaitable[Any]]
) -> None:
    await start_worker()
    job = await generation.submit(duration_seconds=8, spec={"speed": 4})
    listening = asyncio.create_task(generation.heard(job))
    await generation.playing(job)
    await generation.redis.flushdb()
    ended = await generation.ended(job, within=60)
    assert ended.status == jobs_pb2.JOB_STATUS_SUCCEEDED
    with pytest.raises(AppError, match="gone"):
        await listening
