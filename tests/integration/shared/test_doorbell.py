"""A ring wakes who waits, and counts once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.asyncio import Redis

from services.shared.doorbell import Doorbell, announce_cancel, cancelled_jobs, ring
from services.shared.ids import new_id


@pytest.fixture
def queue() -> str:
    return new_id()


@pytest.fixture
async def bell(redis: Redis, queue: str) -> AsyncIterator[Doorbell]:
    doorbell = Doorbell(redis, queue)
    await doorbell.wait(0)
    yield doorbell
    await doorbell.aclose()


async def test_silence_is_no_ring(bell: Doorbell) -> None:
    assert not await bell.wait(0.02)


async def test_ring_wakes_who_waits(redis: Redis, bell: Doorbell, queue: str) -> None:
    waiting = asyncio.create_task(bell.wait(10))
    await ring(redis, queue)
    async with asyncio.timeout(60):
        assert await waiting


async def test_ring_between_two_waits_is_heard_and_many_count_once(redis: Redis, bell: Doorbell, queue: str) -> None:
    # In one transaction, so that all of them have arrived when the first is heard.
    async with redis.pipeline(transaction=True) as together:
        for _ in range(5):
            await ring(together, queue)
        await together.execute()
    assert await bell.wait(5)
    assert not await bell.wait(0.02)


async def test_ring_of_another_queue_is_not_heard(redis: Redis, bell: Doorbell) -> None:
    await ring(redis, new_id())
    assert not await bell.wait(0.05)


async def test_every_listener_hears_of_a_cancel(
    redis: Redis, eventually: Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
) -> None:
    job_id = new_id()
    heard: list[list[str]] = [[], []]

    async def follow(into: list[str]) -> None:
        async for cancelled in cancelled_jobs(redis):
            into.append(cancelled)

    following = [asyncio.create_task(follow(into)) for into in heard]

    async def everybody_heard() -> bool:
        await announce_cancel(redis, job_id)
        return all(job_id in into for into in heard)

    await eventually(everybody_heard)
    for task in following:
        task.cancel()
    await asyncio.wait(following)
