"""The client that every process opens: cancellable at any moment, for every kind of address."""

from __future__ import annotations

import asyncio
import random

import pytest
from redis.asyncio import Redis

from services.shared import job_events
from services.shared.errors import AppError, ErrorCode
from services.shared.job_events import read_events
from services.shared.valkey import open_valkey, patiently


async def test_cancellation_is_never_forgotten(redis: Redis) -> None:
    async def ask() -> None:
        while True:
            await redis.get("nothing")

    rng = random.Random(0)
    for _ in range(500):
        asking = asyncio.create_task(ask())
        for _ in range(rng.randrange(1, 12)):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking], timeout=60)
        assert asking.cancelled()


async def test_watcher_that_leaves_is_gone_at_once(redis: Redis, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_events, "BLOCK_MILLISECONDS", 150_000)

    async def watch() -> None:
        async for _ in read_events(redis, job_id, None):
            continue

    rng = random.Random(0)
    watching = [asyncio.create_task(watch()) for _ in range(50)]
    for task in watching:
        for _ in range(rng.randrange(20)):
            await asyncio.sleep(0)
        task.cancel()
    async with asyncio.timeout(60):
        await asyncio.gather(*watching, return_exceptions=True)


async def test_silent_server_is_a_timeout() -> None:
    silent = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = open_valkey(f"redis://127.0.0.1:{port}/0?socket_timeout=0.1")
    with pytest.raises(AppError) as caught:
        async with asyncio.timeout(60):
            await patiently(client.ping, 0.2)
    assert caught.value.code is ErrorCode.UNAVAILABLE
    silent.set()
    await client.aclose()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("url", ["redis://host", "rediss://host", "unix:///run/valkey.sock"])
def test_every_kind_of_address_is_understood(url: str) -> None:
    assert open_valkey(url).connection_pool.connection_class.__module__ == "services.shared.valkey"


async def test_socket_address_reaches_a_server(short_dir: pytest.TempPathFactory) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            # One status line for each command of the handshake and the ping.
            writer.write(b"+PONG\r\n" * data.count(b"*"))
        writer.close()

    server = await asyncio.start_unix_server(answer, f"{short_dir}/valkey.sock")
    client = open_valkey(f"unix://{short_dir}/valkey.sock?protocol=2")
    assert await patiently(client.ping)
    await client.aclose()
    server.close()
