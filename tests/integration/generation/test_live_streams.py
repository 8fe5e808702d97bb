"""A song is heard while it is made: by several listeners, by a late one from the beginning, by its owner only."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from prometheus_client import REGISTRY

from protos.common.v1.common_pb2 import AudioFormat
from protos.users.v1 import jobs_pb2
from services.generation.live.broadcast import Broadcasts
from services.shared.errors import AppError, ErrorCode
from services.shared.ids import new_id
from services.shared.live_channel import LiveFormat, LiveWriter, raise_fence
from tests.support.listening import decode, sounding_seconds
from tests.support.timing import check_promise
from tests.support.user_management import eventually

pytestmark = pytest.mark.integration

WAV, MP3, OPUS = AudioFormat.AUDIO_FORMAT_WAV, AudioFormat.AUDIO_FORMAT_MP3, AudioFormat.AUDIO_FORMAT_OPUS
FORMATS = {"wav": WAV, "mp3": MP3, "opus": OPUS}


async def test_early_and_late_listeners_get_identical_bytes(generation: Any, worker: asyncio.Event) -> None:
    job = await generation.submit(duration_seconds=8, spec={"speed": 4})
    early = [asyncio.create_task(generation.heard(job, MP3)) for _ in range(2)]
    await generation.playing(job)
    late = await generation.heard(job, MP3)
    first, second = await asyncio.gather(*early)
    assert first == second == late
    audio, rate = decode(first, "mp3")
    assert len(audio) / rate == pytest.approx(8, abs=0.1)


async def test_listener_after_the_end_still_hears_the_beginning(generation: Any, worker: asyncio.Event) -> None:
    job = await generation.submit(duration_seconds=3)
    during = await generation.heard(job)
    await generation.ended(job)
    assert await generation.heard(job) == during


async def test_live_audio_is_the_file_but_for_the_stated_gain(generation: Any, worker: asyncio.Event) -> None:
    job = await generation.submit(duration_seconds=4)
    live, rate = decode(await generation.heard(job), "wav")
    content = (await generation.track(await generation.ended(job))).content
    file, file_rate = decode(await generation.store.get(content.master_object_key), "flac")
    gain = 10 ** (content.mastering_gain_db / 20)
    assert (rate, len(live)) == (file_rate, len(file))
    assert np.abs(live * gain - file).max() <= gain * 0.51 / 32768 + 2**-23


@pytest.mark.parametrize("name", list(FORMATS))
async def test_half_a_second_sounds_within_two_seconds(generation: Any, worker: asyncio.Event, name: str) -> None:
    started = time.monotonic()
    job = await generation.submit(duration_seconds=600, spec={"speed": 3})
    heard, waited = b"", 0.0
    async with contextlib.aclosing(generation.pieces(job, FORMATS[name])) as pieces:
        async for piece in pieces:
            heard += piece
            if sounding_seconds(*decode(heard, name)) >= 0.5:
                waited = time.monotonic() - started
                break
    await generation.cancel(job)
    assert waited > 0
    check_promise(waited, 2, f"half a second of {name}")


async def test_header_of_a_song_of_known_length_states_it(generation: Any, worker: asyncio.Event) -> None:
    data = await generation.heard(await generation.submit(duration_seconds=2))
    assert int.from_bytes(data[40:44], "little") == len(data) - 44 == 2 * 44_100 * 4


async def test_listener_may_come_before_the_worker(
    generation: Any, start_worker: Callable[..., Awaitable[Any]]
) -> None:
    job = await generation.submit(duration_seconds=2)
    listening = asyncio.create_task(generation.heard(job))
    await start_worker()
    assert len(await listening) == 44 + 2 * 44_100 * 4


async def test_cancelled_song_ends_the_stream(generation: Any, worker: asyncio.Event) -> None:
    job = await generation.submit(duration_seconds=300, spec={"speed": 2})
    listening = asyncio.create_task(generation.heard(job, OPUS))
    await generation.playing(job)
    await generation.cancel(job)
    async with asyncio.timeout(60):
        assert await listening


async def test_failed_song_ends_the_stream(generation: Any, worker: asyncio.Event) -> None:
    job = await generation.submit(duration_seconds=20, spec={"speed": 20, "fail_at": 4.0})
    async with asyncio.timeout(60):
        audio, rate = decode(await generation.heard(job), "wav")
    assert len(audio) / rate <= 4.01
    assert (await generation.ended(job)).status == jobs_pb2.JOB_STATUS_FAILED


async def test_song_that_is_cancelled_in_the_queue_ends_its_stream(generation: Any) -> None:
    job = await generation.submit()
    listening = asyncio.create_task(generation.heard(job))

    async def listened_to() -> bool:
        return REGISTRY.get_sample_value("generation_live_listeners", {"format": "wav"}) == 1

    await eventually(listened_to, what="the listener is there")
    await generation.cancel(job)
    async with asyncio.timeout(60):
        assert await listening == b""
    with pytest.raises(AppError) as caught:
        await generation.heard(job)
    assert caught.value.code is ErrorCode.NOT_FOUND


async def test_nobody_else_hears_it(generation: Any, worker: asyncio.Event) -> None:
    job = await generation.submit(duration_seconds=2)
    stranger = await generation.users.sign_up()
    with pytest.raises(AppError) as caught:
        _ = [piece async for piece in generation.pieces(job, WAV, stranger)]
    assert caught.value.code is ErrorCode.NOT_FOUND
    assert await generation.heard(job)


@pytest.mark.parametrize("job_id", ["nonsense", "0198c0de-0000-7000-8000-000000000000"])
async def test_unknown_job_is_not_found(generation: Any, job_id: str) -> None:
    with pytest.raises(AppError) as caught:
        await generation.heard(jobs_pb2.Job(id=job_id))
    assert caught.value.code is ErrorCode.NOT_FOUND


async def test_format_that_cannot_be_streamed_is_refused(generation: Any) -> None:
    job = await generation.submit()
    with pytest.raises(AppError) as caught:
        await generation.heard(job, AudioFormat.AUDIO_FORMAT_FLAC)
    assert [violation.pointer for violation in caught.value.violations] == ["/format"]


async def test_job_of_another_kind_makes_no_live_audio(generation: Any) -> None:
    job = await generation.users.create(generation.person, kind="convert", queue="processing")
    with pytest.raises(AppError) as caught:
        await generation.heard(job)
    assert caught.value.code is ErrorCode.NOT_FOUND


FORMAT = LiveFormat(8_000, 1, None)


def tone(samples: int) -> bytes:
    return (8_000 * np.sin(np.arange(samples) / 5)).astype("<i2").tobytes()


@pytest.fixture
async def broadcasts(generation: Any, tmp_path: Any) -> Any:
    running = Broadcasts(generation.redis, generation.store, tmp_path)
    yield running
    await running.stop()


async def test_slow_listener_slows_nobody_and_misses_nothing(generation: Any, broadcasts: Broadcasts) -> None:
    job_id = new_id()
    audio = tone(80_000)
    async with LiveWriter(generation.redis, generation.store, job_id, 1, 1) as writer:
        await writer.open(FORMAT)
        await writer.append(audio[:8_000])
        slow = broadcasts.listen(job_id, WAV)
        beginning = await anext(slow)
        quick = asyncio.create_task(collect(broadcasts, job_id))
        for start in range(8_000, len(audio), 8_000):
            await writer.append(audio[start : start + 8_000])
        await writer.close()
        async with asyncio.timeout(60):
            heard = await quick
    assert heard[44:] == audio
    assert beginning + b"".join([piece async for piece in slow]) == heard
    assert len(broadcasts) == 0


async def test_listener_that_leaves_takes_nothing_with_it(generation: Any, broadcasts: Broadcasts) -> None:
    job_id = new_id()
    async with LiveWriter(generation.redis, generation.store, job_id, 1, 1) as writer:
        await writer.open(FORMAT)
        await writer.append(tone(4_000))
        leaving = broadcasts.listen(job_id, WAV)
        await anext(leaving)
        await leaving.aclose()
        assert len(broadcasts) == 1
        await writer.close()
        async with asyncio.timeout(60):
            assert await collect(broadcasts, job_id)


async def test_next_attempt_continues_the_stream_without_a_seam(generation: Any, broadcasts: Broadcasts) -> None:
    job_id = new_id()
    audio = tone(24_000)
    listening = asyncio.create_task(collect(broadcasts, job_id))
    async with LiveWriter(generation.redis, generation.store, job_id, 1, 1) as first:
        await first.open(FORMAT)
        await first.append(audio[:16_000])
    await raise_fence(generation.redis, job_id, 2)
    async with LiveWriter(generation.redis, generation.store, job_id, 2, 2) as second:
        assert await second.open(FORMAT) == 8_000
        await second.append(audio)
        await second.close()
    async with asyncio.timeout(60):
        assert (await listening)[44:] == audio


async def test_stopping_service_ends_its_streams_with_a_reason(generation: Any, broadcasts: Broadcasts) -> None:
    listening = asyncio.create_task(collect(broadcasts, new_id()))
    async with asyncio.timeout(60):
        while not len(broadcasts):  # noqa: ASYNC110 — the listener starts when the loop turns
            await asyncio.sleep(0)
    await broadcasts.stop()
    with pytest.raises(AppError) as caught:
        await listening
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert len(broadcasts) == 0


async def collect(broadcasts: Broadcasts, job_id: str) -> bytes:
    return b"".join([piece async for piece in broadcasts.listen(job_id, WAV)])
