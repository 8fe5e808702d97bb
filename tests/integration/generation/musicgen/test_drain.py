"""A MusicGen worker that is told to end hands its songs back; another goes on, and nobody hears where."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from redis.asyncio import Redis

from protos.users.v1 import jobs_pb2
from services.generation.backends.musicgen import MusicGenBackend
from services.generation.backends.protocol import BackendEnvironment, GenerationRequest
from services.generation.models import debug
from services.generation.musicgen.token_record import TokenRecord
from services.shared.live_scripts import LiveKeys
from services.shared.live_tokens import read_tokens
from tests.support.listening import decode
from tests.support.user_management import eventually
from tests.unit.generation.musicgen.test_song import Stage

pytestmark = pytest.mark.integration

SECONDS = 20
SEEDS = (5, 6)
HOP = 640
RECORD = TokenRecord("musicgen-debug", debug.REVISION, 4)


async def heard_samples(redis: Redis, job: jobs_pb2.Job) -> int:
    """Samples of a job that listeners may have heard."""
    return int(await redis.hget(LiveKeys.of(job.id).meta, "committed") or 0)


async def last_record(redis: Redis, job: jobs_pb2.Job) -> bytes:
    """A job's record as it was when it was seen last before the song was whole."""
    last = await read_tokens(redis, job.id)
    while record := await read_tokens(redis, job.id):
        last = record
        await asyncio.sleep(0.01)
    return last


async def uninterrupted(seed: int, scratch: Path) -> Stage:
    """The same song, made in one go in this process."""
    backend = MusicGenBackend(BackendEnvironment(scratch, scratch))
    stage = Stage(scratch / str(seed))
    try:
        await backend.generate(GenerationRequest("a tone", SECONDS, "musicgen-debug", seed), stage)
    finally:
        backend.close()
    return stage


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_worker_that_is_told_to_end_hands_its_songs_back_and_nobody_hears_where(
    generation: Any,
    start_process: Callable[..., Awaitable[asyncio.subprocess.Process]],
    start_worker: Callable[..., Awaitable[Any]],
    tmp_path: Path,
) -> None:
    first = await start_process("tests.support.musicgen_worker")
    jobs = [await generation.submit(model="musicgen-debug", duration_seconds=SECONDS, seed=seed) for seed in SEEDS]
    listening = [asyncio.create_task(generation.heard(job)) for job in jobs]

    async def both_are_heard() -> bool:
        return min([await heard_samples(generation.redis, job) for job in jobs]) >= 2 * 32_000

    await eventually(both_are_heard, within=120, what="two seconds of both are heard")
    first.terminate()
    async with asyncio.timeout(120):
        assert await first.wait() == 0

    async def both_are_back() -> bool:
        found = [await generation.job(job) for job in jobs]
        return all(job.status == jobs_pb2.JOB_STATUS_QUEUED for job in found)

    await eventually(both_are_back, within=60, what="both jobs are handed back")
    kept = []
    for job in jobs:
        assert (await generation.job(job)).attempts == 0
        kept.append(RECORD.unpack(await read_tokens(generation.redis, job.id)) or [])
        assert 0 < await heard_samples(generation.redis, job) <= len(kept[-1]) * HOP < SECONDS * 32_000
    records = [asyncio.create_task(last_record(generation.redis, job)) for job in jobs]
    await start_worker()
    for index, (job, seed) in enumerate(zip(jobs, SEEDS, strict=True)):
        ended = await generation.ended(job, within=240)
        assert (ended.status, ended.attempts) == (jobs_pb2.JOB_STATUS_SUCCEEDED, 0)
        assert orjson.loads(ended.metrics_json)["resumed_frames"] == len(kept[index])
        whole = await uninterrupted(seed, tmp_path)
        async with asyncio.timeout(120):
            audio, rate = decode(await listening[index], "wav")
            tokens = RECORD.unpack(await records[index]) or []
        # Every token that was published stands, and what follows is what would have followed.
        assert tokens[: len(kept[index])] == kept[index]
        assert len(tokens) > len(kept[index])
        assert tokens == whole.frames()[: len(tokens)]
        # No sample is missing, twice there, or another one: above all not where the worker changed.
        assert len(audio) == SECONDS * rate
        assert np.abs(audio - whole.heard).max() <= 1e-3
