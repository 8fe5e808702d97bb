import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from services.gateway.rate_limit.policy import LimitClass
from services.gateway.rate_limit.window import SlidingWindow
from services.shared.errors import AppError, ErrorCode
from services.shared.ids import new_id
from services.shared.valkey_line import ValkeyLine


def limit(quota: int, window_seconds: int = 60, when_unavailable: str = "allow") -> LimitClass:
    return LimitClass(per="user", quota=quota, window_seconds=window_seconds, when_unavailable=when_unavailable)


@pytest_asyncio.fixture
async def redis(gateway_valkey_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(gateway_valkey_url)
    yield client
    await client.aclose()


@pytest_asyncio.fixture
async def line(gateway_valkey_url: str) -> AsyncIterator[ValkeyLine]:
    opened = ValkeyLine(gateway_valkey_url)
    yield opened
    await opened.aclose()


async def test_a_crowd_gets_exactly_the_quota(line: ValkeyLine) -> None:
    window, subject = SlidingWindow(line), new_id()
    verdicts = await asyncio.gather(*(window.admit("t", limit(10), subject) for _ in range(100)))
    assert sum(verdict.allowed for verdict in verdicts if verdict) == 10


async def test_after_the_told_wait_there_is_room_again(line: ValkeyLine) -> None:
    window, subject = SlidingWindow(line), new_id()
    while (verdict := await window.admit("t", limit(5, 1), subject)) and verdict.allowed:
        assert verdict.remaining < 5
    assert verdict is not None
    assert 0 < verdict.retry_after_seconds <= 2
    await asyncio.sleep(verdict.retry_after_seconds)
    again = await window.admit("t", limit(5, 1), subject)
    assert again is not None
    assert again.allowed


async def test_no_second_sees_many_more_than_the_quota(line: ValkeyLine) -> None:
    window, subject = SlidingWindow(line), new_id()
    admitted: list[float] = []
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        verdict = await window.admit("t", limit(20, 1), subject)
        if verdict is not None and verdict.allowed:
            admitted.append(time.monotonic())
    # Exact for steady traffic; a first burst may count a little less when the spans change.
    worst = max(sum(start <= moment < start + 1 for moment in admitted) for start in admitted)
    assert 20 <= worst <= 30
    assert len(admitted) <= 20 * 4


async def test_a_cost_beyond_the_quota_never_fits(line: ValkeyLine) -> None:
    verdict = await SlidingWindow(line).admit("t", limit(5), new_id(), cost=6)
    assert verdict is not None
    assert not verdict.allowed
    assert verdict.remaining == 5


async def test_a_valkey_that_lost_the_script_is_taught_again(redis: Redis, line: ValkeyLine) -> None:
    window, subject = SlidingWindow(line), new_id()
    await window.admit("t", limit(5), subject)
    await redis.script_flush()
    verdict = await window.admit("t", limit(5), subject)
    assert verdict is not None
    assert verdict.remaining == 3


async def test_counters_do_not_stay_forever(redis: Redis, line: ValkeyLine) -> None:
    subject = new_id()
    await SlidingWindow(line).admit("t", limit(5, 60), subject)
    assert 0 < await redis.ttl(f"mg:rate:t:{subject}") <= 120


async def test_an_ended_session_is_seen_with_and_without_a_limit(redis: Redis, line: ValkeyLine) -> None:
    window, session = SlidingWindow(line), new_id()
    assert await window.admit("t", None, "x", session_id=session) is None
    await redis.set(f"mg:revoked:{session}", "1", ex=60)
    for terms in (None, limit(5)):
        verdict = await window.admit("t", terms, new_id(), session_id=session)
        assert verdict is not None
        assert verdict.session_revoked
    assert await window.is_revoked(session)
    assert not await window.is_revoked("")


async def test_without_valkey_the_class_decides() -> None:
    line = ValkeyLine("redis://127.0.0.1:1/0")
    window = SlidingWindow(line)
    assert await window.admit("t", limit(5), "x") is None
    assert not await window.is_revoked("x")
    with pytest.raises(AppError) as caught:
        await window.admit("t", limit(5, when_unavailable="refuse"), "x")
    assert caught.value.code is ErrorCode.UNAVAILABLE
    await line.aclose()
