"""A job's events are kept in order, resumed by id, and closed to stale workers."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from services.shared.errors import AppError, ErrorCode
from services.shared.job_events import JobEvent, publish_event, read_events
from services.shared.live_channel import StaleToken, raise_fence
from services.shared.live_scripts import LiveKeys


async def take(redis: Redis, job_id: str, count: int, after: str | None = None) -> list[JobEvent]:
    events: list[JobEvent] = []
    async with asyncio.timeout(60):
        async for event in read_events(redis, job_id, after):
            events.append(event)
            if len(events) == count:
                break
    return events


async def test_events_come_in_order_to_early_and_late_readers(redis: Redis, job_id: str) -> None:
    early = asyncio.create_task(take(redis, job_id, 3))
    ids = [
        await publish_event(redis, job_id, "status", {"status": "running"}, token=1),
        await publish_event(redis, job_id, "progress", {"progress": 0.5, "stage": "größer"}, token=1),
        await publish_event(redis, job_id, "done", {"track_ids": ["a"]}, token=None),
    ]
    expected = [
        JobEvent(ids[0], "status", {"status": "running"}),
        JobEvent(ids[1], "progress", {"progress": 0.5, "stage": "größer"}),
        JobEvent(ids[2], "done", {"track_ids": ["a"]}),
    ]
    assert await early == expected
    assert await take(redis, job_id, 3) == expected


async def test_reader_resumes_after_the_last_event_it_saw(redis: Redis, job_id: str) -> None:
    for step in range(5):
        await publish_event(redis, job_id, "progress", {"step": step}, token=None)
    (_, second) = await take(redis, job_id, 2)
    assert [event.data["step"] for event in await take(redis, job_id, 3, second.event_id)] == [2, 3, 4]


async def test_newest_thousand_are_kept_for_two_hours(redis: Redis, job_id: str) -> None:
    for step in range(1_010):
        await publish_event(redis, job_id, "progress", {"step": step}, token=None)
    key = LiveKeys.of(job_id).events
    assert await redis.xlen(key) == 1_000
    assert 7_100 < await redis.ttl(key) <= 7_200
    assert (await take(redis, job_id, 1))[0].data == {"step": 10}


@pytest.mark.parametrize("state", [None, "failed", "cancelled"])
async def test_stale_worker_publishes_nothing(redis: Redis, job_id: str, state: str | None) -> None:
    await publish_event(redis, job_id, "progress", {}, token=1)
    await raise_fence(redis, job_id, 2, state)
    with pytest.raises(StaleToken):
        await publish_event(redis, job_id, "progress", {}, token=1)
    assert await redis.xlen(LiveKeys.of(job_id).events) == 1


async def test_worker_goes_on_reporting_after_the_audio_is_whole(redis: Redis, job_id: str) -> None:
    await raise_fence(redis, job_id, 1, "closed")
    await publish_event(redis, job_id, "progress", {"stage": "mastering"}, token=1)
    assert await redis.xlen(LiveKeys.of(job_id).events) == 1


@pytest.mark.parametrize("after", ["", "x", "1", "1-", "-1-0", "1-0; DROP", "9" * 30 + "-0"])
async def test_id_that_is_none_is_refused(redis: Redis, job_id: str, after: str) -> None:
    with pytest.raises(AppError) as caught:
        await take(redis, job_id, 1, after)
    assert caught.value.code is ErrorCode.VALIDATION
