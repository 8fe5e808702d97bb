"""A killed worker's song goes on from its last frame elsewhere; the record is fenced like the audio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import orjson
import pytest
from redis.asyncio import Redis

from protos.users.v1 import jobs_pb2
from services.generation.models import debug
from services.generation.musicgen.token_record import TokenRecord
from services.shared.errors import AppError, ErrorCode
from services.shared.ids import new_id
from services.shared.live_channel import StaleToken, raise_fence
from services.shared.live_scripts import LiveKeys, LiveScripts
from services.shared.live_tokens import TokenWriter, read_tokens
from tests.support.listening import decode
from tests.support.user_management import eventually

pytestmark = pytest.mark.integration

SECONDS = 20
RECORD = TokenRecord("musicgen-debug", debug.REVISION, 4)


@pytest.mark.slow
async def test_killed_workers_song_goes_on_from_its_last_frame(
    generation: Any,
    start_process: Callable[..., Awaitable[asyncio.subprocess.Process]],
    start_worker: Callable[..., Awaitable[Any]],
) -> None:
    began = time.monotonic()
    victim = await start_process("tests.support.musicgen_worker")
    job = await generation.submit(model="musicgen-debug", duration_seconds=SECONDS, seed=5)
    listening = asyncio.create_task(generation.heard(job))

    async def some_seconds_are_heard() -> bool:
        return int(await generation.redis.hget(LiveKeys.of(job.id).meta, "committed") or 0) >= 4 * 32_000

    await eventually(some_seconds_are_heard, within=60, what="four seconds are heard")
    victim.kill()
    await victim.wait()
    killed = time.monotonic() - began
    kept = RECORD.unpack(await read_tokens(generation.redis, job.id))
    assert kept
    heard_before = int(await generation.redis.hget(LiveKeys.of(job.id).meta, "committed") or 0)
    # No sample was published whose frames are not in the record.
    assert heard_before <= len(kept) * 640
    await start_worker()
    ended = await generation.ended(job, within=90)
    assert ended.status == jobs_pb2.JOB_STATUS_SUCCEEDED
    metrics = orjson.loads(ended.metrics_json)
    assert metrics["resumed_frames"] == len(kept)
    assert metrics["engine_steps"] == SECONDS * 50 - len(kept)
    async with asyncio.timeout(60):
        resumed, rate = decode(await listening, "wav")
    print(
        f"\nkilled after {killed:.1f} s with {len(kept)} frames ({len(kept) / 50:.1f} s) recorded and "
        f"{heard_before / rate:.1f} s heard; another worker made the other {metrics['engine_steps']} frames in "
        f"{metrics['engine_seconds']} s; whole after {time.monotonic() - began:.1f} s"
    )
    again = await generation.submit(model="musicgen-debug", duration_seconds=SECONDS, seed=5)
    await generation.ended(again, within=90)
    whole, _ = decode(await generation.heard(again), "wav")
    assert len(resumed) == SECONDS * rate
    difference = np.abs(resumed - whole).max()
    print(f"resumed and uninterrupted song differ by at most {difference:.1e}")
    assert difference <= 1e-3
    assert await read_tokens(generation.redis, job.id) == b""


@pytest.fixture
async def job(redis: Redis) -> str:
    """A job whose channel is open under the token 5."""
    name = new_id()
    await LiveScripts(redis, name).open(5, 1, 32_000, 1, -1)
    return name


async def test_record_grows_and_is_read_whole(redis: Redis, job: str) -> None:
    assert await read_tokens(redis, job) == b""
    writer = TokenWriter(redis, job, 5)
    await writer.restart(b"head")
    await writer.append(b"ab")
    await TokenWriter(redis, job, 5, b"headab").append(b"cd")
    assert await read_tokens(redis, job) == b"headabcd"
    assert await redis.ttl(LiveKeys.of(job).tokens) > 0


async def test_stale_worker_cannot_write_the_record(redis: Redis, job: str) -> None:
    writer = TokenWriter(redis, job, 5)
    await writer.restart(b"head")
    await raise_fence(redis, job, 6)
    with pytest.raises(StaleToken):
        await writer.append(b"late")
    with pytest.raises(StaleToken):
        await writer.restart(b"late")
    assert await read_tokens(redis, job) == b"head"


async def test_record_that_lost_its_end_is_told_again(redis: Redis, job: str) -> None:
    writer = TokenWriter(redis, job, 5)
    await writer.restart(b"head")
    await writer.append(b"abcdef")
    await redis.set(LiveKeys.of(job).tokens, b"heada")
    await writer.append(b"gh")
    assert await read_tokens(redis, job) == b"headabcdefgh"
    await redis.delete(LiveKeys.of(job).tokens)
    await writer.append(b"ij")
    assert await read_tokens(redis, job) == b"headabcdefghij"


async def test_record_that_holds_more_than_was_written_is_nobodys(redis: Redis, job: str) -> None:
    writer = TokenWriter(redis, job, 5)
    await writer.restart(b"head")
    await redis.append(LiveKeys.of(job).tokens, b"stranger")
    with pytest.raises(AppError) as caught:
        await writer.append(b"x")
    assert caught.value.code is ErrorCode.UNAVAILABLE


async def test_dropped_record_is_gone(redis: Redis, job: str) -> None:
    writer = TokenWriter(redis, job, 5)
    await writer.restart(b"head")
    await writer.drop()
    assert await read_tokens(redis, job) == b""
