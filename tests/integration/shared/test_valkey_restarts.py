"""Valkey may be killed at any time: work is late, nothing that was committed is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from services.shared.doorbell import Doorbell, announce_cancel, cancelled_jobs, ring
from services.shared.errors import AppError, ErrorCode
from services.shared.job_events import publish_event, read_events
from services.shared.live_channel import LiveFormat, LiveReader, LiveWriter
from services.shared.live_scripts import LiveKeys
from services.shared.storage import ObjectStore
from services.shared.valkey import open_valkey, patiently
from services.standalone.valkey import ValkeyServer

FORMAT = LiveFormat(100, 1, None)

Eventually = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


@pytest.fixture
async def mortal(tmp_path: Path) -> AsyncIterator[ValkeyServer]:
    server = ValkeyServer(tmp_path / "valkey" / "data")
    (tmp_path / "valkey").mkdir()
    await asyncio.to_thread(server.start)
    yield server
    server.stop()


@pytest.fixture
async def client(mortal: ValkeyServer) -> AsyncIterator[Redis]:
    redis = open_valkey(mortal.url())
    yield redis
    await redis.aclose()


async def kill_and_start(server: ValkeyServer) -> None:
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)


async def test_song_is_heard_whole_over_three_kills(
    mortal: ValkeyServer, client: Redis, store: ObjectStore, job_id: str
) -> None:
    pcm = random.Random(1).randbytes(6_000 * 2)

    async def listen() -> bytes:
        return b"".join([part async for part in LiveReader(client, store, job_id).pcm()])

    async with LiveWriter(client, store, job_id, 1, 1) as writer:
        await writer.open(FORMAT)
        listening = asyncio.create_task(listen())
        killing = None
        for step, start in enumerate(range(0, len(pcm), 60)):
            if step in {40, 90, 160}:
                if killing is not None:
                    await killing
                killing = asyncio.create_task(kill_and_start(mortal))
            await writer.append(pcm[start : start + 60])
        await writer.close()
        async with asyncio.timeout(60):
            assert await listening == pcm
            assert await listen() == pcm
        assert killing is not None
        await killing


async def test_writer_makes_up_for_what_valkey_lost_in_the_kill(redis: Redis, store: ObjectStore, job_id: str) -> None:
    pcm = random.Random(2).randbytes(3_000 * 2)
    keys = LiveKeys.of(job_id)

    async def listen() -> bytes:
        return b"".join([part async for part in LiveReader(redis, store, job_id).pcm()])

    async with LiveWriter(redis, store, job_id, 1, 1) as writer:
        await writer.open(FORMAT)
        await writer.append(pcm[:2_400])
        listening = asyncio.create_task(listen())
        snapshot = [(key, await redis.dump(key)) for key in (keys.meta, keys.pcm)]
        await writer.append(pcm[2_400:3_000])
        # The same state that an append-only file without its last writes is loaded to.
        for key, content in snapshot:
            await redis.restore(key, 0, content, replace=True)
        await writer.append(pcm[3_000:])
        await writer.close()
        async with asyncio.timeout(60):
            assert await listening == pcm
            assert await listen() == pcm


async def test_writer_says_when_more_is_lost_than_it_can_send_again(
    redis: Redis, store: ObjectStore, job_id: str
) -> None:
    async with LiveWriter(redis, store, job_id, 1, 1) as writer:
        await writer.open(FORMAT)
        await writer.append(bytes(2 * 5_000))
        await redis.hset(LiveKeys.of(job_id).meta, "committed", 100)
        with pytest.raises(AppError) as caught:
            await writer.append(bytes(200))
        assert caught.value.code is ErrorCode.UNAVAILABLE


async def test_events_are_read_in_order_over_a_kill(mortal: ValkeyServer, client: Redis, job_id: str) -> None:
    async def follow() -> list[int]:
        steps: list[int] = []
        async for event in read_events(client, job_id, None):
            steps.append(event.data["step"])
            if event.type == "done":
                break
        return steps

    following = asyncio.create_task(follow())
    for step in range(20):
        if step == 10:
            await kill_and_start(mortal)
        await publish_event(client, job_id, "done" if step == 19 else "progress", {"step": step}, token=None)
    async with asyncio.timeout(60):
        assert list(dict.fromkeys(await following)) == list(range(20))


async def test_doorbell_rings_again_after_a_kill(mortal: ValkeyServer, client: Redis, eventually: Eventually) -> None:
    bell = Doorbell(client, "generation")
    assert not await bell.wait(0.01)
    await asyncio.to_thread(mortal.kill)
    assert not await bell.wait(0.1)
    await asyncio.to_thread(mortal.start)

    async def rings() -> bool:
        await ring(client, "generation")
        return await bell.wait(0.2)

    await eventually(rings)
    await bell.aclose()


async def test_cancels_are_heard_again_after_a_kill(
    mortal: ValkeyServer, client: Redis, eventually: Eventually
) -> None:
    heard: list[str] = []

    async def follow() -> None:
        async for job_id in cancelled_jobs(client):
            heard.append(job_id)

    following = asyncio.create_task(follow())

    async def announced(job_id: str) -> bool:
        await announce_cancel(client, job_id)
        return job_id in heard

    await eventually(lambda: announced("before"))
    await kill_and_start(mortal)
    await eventually(lambda: announced("after"))
    following.cancel()
    await asyncio.wait([following])


async def test_ringing_a_dead_valkey_fails_nothing(mortal: ValkeyServer, client: Redis) -> None:
    await asyncio.to_thread(mortal.kill)
    async with asyncio.timeout(60):
        await ring(client, "generation")
        await announce_cancel(client, "job")


async def test_patience_with_a_dead_valkey_ends(mortal: ValkeyServer, client: Redis) -> None:
    await asyncio.to_thread(mortal.kill)
    with pytest.raises(AppError) as caught:
        await patiently(client.ping, 0.2)
    assert caught.value.code is ErrorCode.UNAVAILABLE


async def test_valkey_that_cannot_store_is_storage_full(client: Redis) -> None:
    await client.config_set("maxmemory", "1")
    with pytest.raises(AppError) as caught:
        await patiently(lambda: client.set("a", "b"))
    assert caught.value.code is ErrorCode.STORAGE_FULL


async def test_wrong_command_is_our_own_mistake(client: Redis) -> None:
    with pytest.raises(AppError) as caught:
        await patiently(lambda: client.execute_command("NONSENSE"))
    assert caught.value.code is ErrorCode.INTERNAL
