"""Whatever the chunking, the number of attempts and the time at which listeners come: what is heard is the song."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from services.shared.ids import new_id
from services.shared.live_channel import LiveFormat, LiveReader, LiveWriter, StaleToken, raise_fence
from services.shared.live_scripts import LiveKeys
from services.shared.storage import ObjectStore

RATE = 100


@dataclass(frozen=True)
class Attempt:
    """Runs until `stop` of the song in chunks of `chunks` samples, in turn; may write on when stale."""

    stop: float
    chunks: list[int]
    lingers: bool


@dataclass(frozen=True)
class Listener:
    """Comes in attempt `attempt` when `at` of the song is made, and wants samples from `start` on."""

    attempt: int
    at: float
    start: float


attempts = st.builds(
    Attempt,
    stop=st.floats(0, 1),
    # Around the piece of 50 samples and the segment of 1,000; single samples only beside large chunks, for speed.
    chunks=st.lists(st.sampled_from([1, 7, 49, 50, 51, 120, 999, 1_000, 2_345]), min_size=1, max_size=5).filter(
        lambda sizes: sum(sizes) >= 40 * len(sizes)
    ),
    lingers=st.booleans(),
)
listeners = st.builds(Listener, attempt=st.integers(0, 3), at=st.floats(0, 1), start=st.floats(0, 1))


async def listen(redis: Redis, store: ObjectStore, job_id: str, start: int) -> tuple[bytes, str | None]:
    reader = LiveReader(redis, store, job_id)
    if await reader.format(30) is None:
        return b"", reader.final_state
    return b"".join([part async for part in reader.pcm(start)]), reader.final_state


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    total=st.integers(0, 7_000),
    channels=st.sampled_from([1, 2]),
    plan=st.lists(attempts, min_size=1, max_size=4),
    audience=st.lists(listeners, max_size=5),
    ending=st.sampled_from(["closed", "failed", "cancelled"]),
)
async def test_what_is_heard_is_what_is_written(
    redis: Redis, total: int, channels: int, plan: list[Attempt], audience: list[Listener], ending: str
) -> None:
    store, job_id, frame = ObjectStore.from_url("memory://"), new_id(), 2 * channels
    song = random.Random(total).randbytes(total * frame)
    tasks: list[tuple[int, asyncio.Task[tuple[bytes, str | None]]]] = []
    stale: list[LiveWriter] = []
    furthest = 0
    for number, attempt in enumerate(plan):
        last = number == len(plan) - 1
        waiting = sorted((item for item in audience if item.attempt == number), key=lambda item: item.at)
        writer = LiveWriter(redis, store, job_id, number + 1, number + 1)
        await raise_fence(redis, job_id, number + 1)
        assert await writer.open(LiveFormat(RATE, channels, total)) == furthest
        position, stop = 0, total if last else int(attempt.stop * total)
        for step in range(total + 1):
            while waiting and position >= waiting[0].at * stop:
                start = int(waiting.pop(0).start * total)
                tasks.append((start, asyncio.create_task(listen(redis, store, job_id, start))))
            if position >= stop:
                break
            chunk = song[position * frame : (position + attempt.chunks[step % len(attempt.chunks)]) * frame]
            await writer.append(chunk)
            position = min(position + len(chunk) // frame, total)
        before = await redis.hgetall(LiveKeys.of(job_id).meta)
        for old in stale:
            # Below what is committed an append is skipped without a word; beyond it the script refuses.
            with contextlib.suppress(StaleToken):
                await old.append(song[:frame])
        assert await redis.hgetall(LiveKeys.of(job_id).meta) == before
        furthest = max(furthest, position)
        if last and ending == "closed":
            await writer.close()
        elif last:
            await raise_fence(redis, job_id, number + 2, ending)
        if attempt.lingers:
            stale.append(writer)
        else:
            await writer.stop()
    tasks.append((0, asyncio.create_task(listen(redis, store, job_id, 0))))
    async with asyncio.timeout(60):
        heard = [(start, *await task) for start, task in tasks]
    for writer in stale:
        await writer.stop()
    assert heard == [(start, song[start * frame :], ending) for start, _ in tasks]
