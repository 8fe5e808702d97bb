"""One voice for each job: what is written is heard, by early and late listeners, and nobody stale writes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from services.shared.errors import AppError, ErrorCode
from services.shared.live_channel import LiveFormat, LiveReader, LiveWriter, StaleToken, raise_fence
from services.shared.live_scripts import LiveKeys, LiveScripts
from services.shared.storage import ObjectStore
from services.shared.valkey import open_valkey
from services.standalone.valkey import ValkeyServer

# 100 samples a second make a 10 s segment 1,000 samples: the whole machinery runs on little data.
RATE = 100
MONO = LiveFormat(RATE, 1, None)
STEREO = LiveFormat(RATE, 2, 6_000)

Eventually = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


def song(samples: int, channels: int = 1, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(samples * channels * 2)


async def write(writer: LiveWriter, pcm: bytes, chunk_bytes: int = 100) -> None:
    for start in range(0, len(pcm), chunk_bytes):
        await writer.append(pcm[start : start + chunk_bytes])


async def read(redis: Redis, store: ObjectStore, job_id: str, from_sample: int = 0) -> tuple[bytes, str | None]:
    reader = LiveReader(redis, store, job_id)
    async with asyncio.timeout(60):
        heard = b"".join([part async for part in reader.pcm(from_sample)])
    return heard, reader.final_state


async def first_sample_in_tail(redis: Redis, job_id: str) -> int:
    entries = await redis.xrange(LiveKeys.of(job_id).pcm)
    return next(int(fields[b"o"]) for _, fields in entries if fields[b"d"])


async def test_reader_hears_what_is_written(redis: Redis, store: ObjectStore, job_id: str) -> None:
    pcm = song(6_000, 2)
    async with LiveWriter(redis, store, job_id, 1, 1) as writer:
        assert await writer.open(STEREO) == 0
        listening = asyncio.create_task(read(redis, store, job_id))
        await write(writer, pcm, 404)
        await writer.close()
        assert await listening == (pcm, "closed")
    assert await read(redis, store, job_id, 1_234) == (pcm[1_234 * 4 :], "closed")


async def test_old_audio_moves_to_storage_and_a_late_reader_hears_all(
    redis: Redis, store: ObjectStore, job_id: str, eventually: Eventually
) -> None:
    pcm = song(6_050)
    async with LiveWriter(redis, store, job_id, 1, 1) as writer:
        await writer.open(MONO)
        await write(writer, pcm)

        async def trimmed() -> bool:
            # The sixth segment ends at 6,000 and 20 s before the end is 4,050.
            return await first_sample_in_tail(redis, job_id) == 4_050

        await eventually(trimmed)
        listening = asyncio.create_task(read(redis, store, job_id))
        await writer.close()
        assert await listening == (pcm, "closed")
    stored = sorted([info.key async for info in store.list(f"jobs/{job_id}")])
    assert stored == sorted(f"jobs/{job_id}/1/live/{start}.s16" for start in range(0, 6_000, 1_000))


async def test_pieces_are_half_a_second_at_most(redis: Redis, store: ObjectStore, job_id: str) -> None:
    async with LiveWriter(redis, store, job_id, 1, 1) as writer:
        await writer.open(MONO)
        await writer.append(song(3_333))
        await writer.close()
    reader = LiveReader(redis, store, job_id)
    pieces = [part async for part in reader.pcm()]
    assert max(map(len, pieces)) == RATE // 2 * 2
    assert min(map(len, pieces)) > 0
    assert b"".join(pieces) == song(3_333)


async def test_slow_reader_holds_nobody_up_and_misses_nothing(redis: Redis, store: ObjectStore, job_id: str) -> None:
    pcm = song(9_000)
    async with LiveWriter(redis, store, job_id, 1, 1) as writer:
        await writer.open(MONO)
        await write(writer, pcm[:2_000])
        parts = LiveReader(redis, store, job_id).pcm()
        heard = await anext(parts)
        async with asyncio.timeout(60):
            await write(writer, pcm[2_000:])
            await writer.close()
        assert await first_sample_in_tail(redis, job_id) > 5_000
        async for part in parts:
            heard += part
    assert heard == pcm


async def test_reader_waits_for_the_opening(redis: Redis, store: ObjectStore, job_id: str) -> None:
    reader = LiveReader(redis, store, job_id)
    waiting = asyncio.create_task(reader.format(10))
    while not waiting.done():
        async with LiveWriter(redis, store, job_id, 1, 1) as writer:
            await writer.open(STEREO)
        await asyncio.wait([waiting], timeout=1)
    assert await waiting == STEREO
    assert await LiveReader(redis, store, job_id).format(0) == STEREO


async def test_waiting_for_the_opening_has_an_end(redis: Redis, store: ObjectStore, job_id: str) -> None:
    reader = LiveReader(redis, store, job_id)
    assert await reader.format(0.05) is None
    assert reader.final_state is None


async def test_job_that_ends_unopened_is_told_to_whoever_waits(redis: Redis, store: ObjectStore, job_id: str) -> None:
    reader = LiveReader(redis, store, job_id)
    waiting = asyncio.create_task(reader.format(30))
    await raise_fence(redis, job_id, 1, "cancelled")
    async with asyncio.timeout(60):
        assert await waiting is None
    assert reader.final_state == "cancelled"


@pytest.mark.parametrize("state", ["failed", "cancelled", "closed"])
async def test_ending_from_outside_ends_the_listening_after_the_last_sample(
    redis: Redis, store: ObjectStore, job_id: str, state: str
) -> None:
    pcm = song(1_500)
    async with LiveWriter(redis, store, job_id, 1, 1) as writer:
        await writer.open(MONO)
        await write(writer, pcm)
        listening = asyncio.create_task(read(redis, store, job_id))
        await raise_fence(redis, job_id, 2, state)
        async with asyncio.timeout(60):
            assert await listening == (pcm, state)
        with pytest.raises(StaleToken):
            await writer.append(song(10))
        with pytest.raises(StaleToken):
            await writer.close()


async def test_first_ending_stays(redis: Redis, store: ObjectStore, job_id: str) -> None:
    async with LiveWriter(redis, store, job_id, 1, 1) as writer:
        await writer.open(MONO)
        await writer.close()
    await raise_fence(redis, job_id, 2, "cancelled")
    assert await read(redis, store, job_id) == (b"", "closed")


async def test_reading_a_channel_that_is_not_there_is_not_found(redis: Redis, store: ObjectStore, job_id: str) -> None:
    with pytest.raises(AppError) as caught:
        await read(redis, store, job_id)
    assert caught.value.code is ErrorCode.NOT_FOUND


async def test_channel_that_vanishes_is_not_found(redis: Redis, store: ObjectStore, job_id: str) -> None:
    async with LiveWriter(redis, store, job_id, 1, 1) as writer:
        await writer.open(MONO)
        await writer.append(song(100))
        parts = LiveReader(redis, store, job_id).pcm()
        await anext(parts)
        keys = LiveKeys.of(job_id)
        await redis.delete(keys.meta, keys.pcm, keys.segments)
        with pytest.raises(AppError) as caught:
            [part async for part in parts]
        assert caught.value.code is ErrorCode.NOT_FOUND
        with pytest.raises(AppError) as lost:
            await writer.append(song(100))
        assert lost.value.code is ErrorCode.UNAVAILABLE


async def test_reading_from_beyond_the_end_is_empty(redis: Redis, store: ObjectStore, job_id: str) -> None:
    async with LiveWriter(redis, store, job_id, 1, 1) as writer:
        await writer.open(MONO)
        await writer.append(song(100))
        await writer.close()
    assert await read(redis, store, job_id, 500) == (b"", "closed")


class TestSecondAttempt:
    """What happens when a job is taken from its worker and run again."""

    async def test_continues_where_the_first_stopped(self, redis: Redis, store: ObjectStore, job_id: str) -> None:
        pcm = song(6_000)
        async with LiveWriter(redis, store, job_id, 1, 1) as first:
            await first.open(MONO)
            await write(first, pcm[:5_000])
            listening = asyncio.create_task(read(redis, store, job_id))
            await raise_fence(redis, job_id, 2)
            async with LiveWriter(redis, store, job_id, 2, 2) as second:
                assert await second.open(MONO) == 2_500
                await write(second, pcm, 74)
                await second.close()
        assert await listening == (pcm, "closed")
        assert await read(redis, store, job_id) == (pcm, "closed")

    async def test_stores_every_segment_under_its_own_token(
        self, redis: Redis, store: ObjectStore, job_id: str
    ) -> None:
        pcm = song(6_000)
        for token in (1, 2):
            async with LiveWriter(redis, store, job_id, token, token) as writer:
                await writer.open(MONO)
                await write(writer, pcm)
                await writer.close()
        await store.delete_prefix(f"jobs/{job_id}/1")
        assert await read(redis, store, job_id) == (pcm, "closed")

    async def test_reader_waits_for_a_segment_of_a_lost_attempt_to_be_stored_again(
        self, redis: Redis, store: ObjectStore, job_id: str, eventually: Eventually
    ) -> None:
        pcm = song(5_000)
        async with LiveWriter(redis, store, job_id, 1, 1) as first:
            await first.open(MONO)
            await write(first, pcm)
            await first.close()
        assert await first_sample_in_tail(redis, job_id) > 0
        await store.delete_prefix(f"jobs/{job_id}/1")
        listening = asyncio.create_task(read(redis, store, job_id))
        async with LiveWriter(redis, store, job_id, 2, 2) as second:
            await second.open(MONO)
            await write(second, pcm)
            await second.close()
        assert await listening == (pcm, "closed")

    async def test_refuses_the_first_everything(self, redis: Redis, store: ObjectStore, job_id: str) -> None:
        scripts = LiveScripts(redis, job_id)
        async with LiveWriter(redis, store, job_id, 1, 1) as first:
            await first.open(MONO)
            await write(first, song(1_500))
            await raise_fence(redis, job_id, 2)
            before = await redis.hgetall(LiveKeys.of(job_id).meta)
            with pytest.raises(StaleToken):
                await first.append(song(10))
            with pytest.raises(StaleToken):
                await first.close()
            with pytest.raises(StaleToken):
                await first.open(MONO)
            with pytest.raises(StaleToken):
                await scripts.add_segment(1, 0, 0, 1_000, "x", 0)
            with pytest.raises(StaleToken):
                await scripts.publish(1, "progress", b"{}")
            await raise_fence(redis, job_id, 1, "failed")
            assert await redis.hgetall(LiveKeys.of(job_id).meta) == before

    async def test_of_a_finished_channel_opens_it_again(self, redis: Redis, store: ObjectStore, job_id: str) -> None:
        pcm = song(500)
        async with LiveWriter(redis, store, job_id, 1, 1) as first:
            await first.open(MONO)
            await write(first, pcm)
            await first.close()
        async with LiveWriter(redis, store, job_id, 2, 2) as second:
            assert await second.open(MONO) == 500
            listening = asyncio.create_task(read(redis, store, job_id))
            await write(second, pcm)
            await second.close()
        assert await listening == (pcm, "closed")

    async def test_of_a_cancelled_job_never_opens(self, redis: Redis, store: ObjectStore, job_id: str) -> None:
        await raise_fence(redis, job_id, 2, "cancelled")
        with pytest.raises(StaleToken):
            await LiveWriter(redis, store, job_id, 9, 1).open(MONO)

    async def test_in_another_format_is_refused(self, redis: Redis, store: ObjectStore, job_id: str) -> None:
        async with LiveWriter(redis, store, job_id, 1, 1) as first:
            await first.open(MONO)
            await first.append(song(10))
        with pytest.raises(AppError) as caught:
            await LiveWriter(redis, store, job_id, 2, 2).open(STEREO)
        assert caught.value.code is ErrorCode.CONFLICT


class TestScripts:
    """Each script may run twice, because an answer can be lost."""

    async def test_repeated_append_changes_nothing(self, redis: Redis, job_id: str) -> None:
        scripts = LiveScripts(redis, job_id)
        await scripts.open(1, 1, RATE, 1, -1)
        assert await scripts.append(1, 0, 10, bytes(20)) == 10
        assert await scripts.append(1, 0, 10, bytes(20)) == 10
        assert await redis.hget(LiveKeys.of(job_id).meta, "committed") == b"10"

    async def test_append_that_leaves_a_gap_is_not_taken(self, redis: Redis, job_id: str) -> None:
        scripts = LiveScripts(redis, job_id)
        await scripts.open(1, 1, RATE, 1, -1)
        assert await scripts.append(1, 5, 10, bytes(20)) == 0
        assert await redis.hget(LiveKeys.of(job_id).meta, "committed") == b"0"

    async def test_segment_out_of_order_or_ahead_is_not_taken(self, redis: Redis, job_id: str) -> None:
        scripts = LiveScripts(redis, job_id)
        await scripts.open(1, 1, RATE, 1, -1)
        await scripts.append(1, 0, 30, bytes(60))
        assert not await scripts.add_segment(1, 1, 10, 20, "x", 0)
        assert not await scripts.add_segment(1, 0, 0, 40, "x", 0)
        assert await scripts.add_segment(1, 0, 0, 10, "x", 0)
        assert await scripts.add_segment(1, 0, 0, 10, "x", 0)
        assert await redis.lrange(LiveKeys.of(job_id).segments, 0, -1) == [b"0 10 x"]

    async def test_tail_is_trimmed_only_where_a_segment_covers_it(self, redis: Redis, job_id: str) -> None:
        scripts = LiveScripts(redis, job_id)
        await scripts.open(1, 1, RATE, 1, -1)
        for first in range(0, 100, 10):
            await scripts.append(1, first, 10, bytes(20))
        await scripts.add_segment(1, 0, 0, 20, "x", 5)
        assert await first_sample_in_tail(redis, job_id) == 20
        await scripts.add_segment(1, 1, 20, 90, "x", 50)
        assert await first_sample_in_tail(redis, job_id) == 50

    async def test_repeated_close_changes_nothing(self, redis: Redis, job_id: str) -> None:
        scripts = LiveScripts(redis, job_id)
        await scripts.open(1, 1, RATE, 1, -1)
        await scripts.close(1)
        await scripts.close(1)
        assert await redis.xlen(LiveKeys.of(job_id).pcm) == 2

    async def test_large_tokens_and_offsets_keep_their_digits(self, redis: Redis, job_id: str) -> None:
        scripts = LiveScripts(redis, job_id)
        token = 2**52 + 1
        await scripts.open(token, 1, 48_000, 2, 10**10)
        await redis.hset(LiveKeys.of(job_id).meta, "committed", 10**10 + 1)
        assert await scripts.append(token, 10**10 + 1, 24_000, bytes(96_000)) == 10**10 + 24_001
        with pytest.raises(StaleToken):
            await scripts.close(token - 1)


async def test_keys_live_two_hours_after_a_write_and_a_quarter_after_the_end(
    redis: Redis, store: ObjectStore, job_id: str
) -> None:
    keys = LiveKeys.of(job_id)
    async with LiveWriter(redis, store, job_id, 1, 1) as writer:
        await writer.open(MONO)
        await write(writer, song(4_000))
        for key in (keys.meta, keys.pcm, keys.segments):
            assert 7_100 < await redis.ttl(key) <= 7_200
        await writer.close()
    for key in (keys.meta, keys.pcm, keys.segments):
        assert 800 < await redis.ttl(key) <= 900
    await raise_fence(redis, job_id, 2)
    assert await redis.ttl(keys.meta) <= 900


class OutageStore(ObjectStore):
    """Storage that is away while `down` is set."""

    def __init__(self) -> None:
        super().__init__(ObjectStore.from_url("memory://")._backend)
        self.down = True
        self.refused = 0

    async def put(self, key: str, data: bytes) -> None:
        if self.down:
            self.refused += 1
            raise AppError(ErrorCode.UNAVAILABLE, "Storage does not answer.")
        await super().put(key, data)


class TestStorageOutage:
    """Audio stays in Valkey until its segment is stored."""

    async def test_delays_the_trim_and_loses_nothing(self, redis: Redis, job_id: str, eventually: Eventually) -> None:
        store = OutageStore()
        pcm = song(4_500)
        async with LiveWriter(redis, store, job_id, 1, 1) as writer:
            await writer.open(MONO)
            await write(writer, pcm)

            async def refused() -> bool:
                return store.refused >= 2

            await eventually(refused)
            assert await first_sample_in_tail(redis, job_id) == 0
            listening = asyncio.create_task(read(redis, store, job_id))
            store.down = False
            await writer.close()
        assert await listening == (pcm, "closed")
        assert await first_sample_in_tail(redis, job_id) == 2_500
        assert await read(redis, store, job_id) == (pcm, "closed")

    async def test_that_lasts_leaves_the_song_in_valkey(
        self, redis: Redis, job_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.shared.live_segments._PATIENCE_SECONDS", 0.2)
        store = OutageStore()
        pcm = song(12_000)
        async with LiveWriter(redis, store, job_id, 1, 1) as writer:
            await writer.open(MONO)
            async with asyncio.timeout(60):
                await write(writer, pcm)
                await writer.close()
        assert await read(redis, store, job_id) == (pcm, "closed")

    async def test_delays_a_reader(self, redis: Redis, job_id: str) -> None:
        store = OutageStore()
        store.down = False
        pcm = song(5_000)
        async with LiveWriter(redis, store, job_id, 1, 1) as writer:
            await writer.open(MONO)
            await write(writer, pcm)
            await writer.close()
        key = f"jobs/{job_id}/1/live/0.s16"
        content = await store.get(key)
        await store.delete(key)
        listening = asyncio.create_task(read(redis, store, job_id))
        await asyncio.sleep(0)
        await store.put(key, content)
        assert await listening == (pcm, "closed")

    async def test_that_lasts_ends_a_reader_with_an_error(
        self, redis: Redis, job_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.shared.live_channel.PATIENCE_SECONDS", 0.2)
        store = OutageStore()
        store.down = False
        async with LiveWriter(redis, store, job_id, 1, 1) as writer:
            await writer.open(MONO)
            await write(writer, song(5_000))
            await writer.close()
        await store.delete_prefix(f"jobs/{job_id}")
        with pytest.raises(AppError) as caught:
            await read(redis, store, job_id)
        assert caught.value.code is ErrorCode.NOT_FOUND


class TestMisuse:
    """Mistakes of the code that calls."""

    async def test_append_before_open(self, redis: Redis, store: ObjectStore, job_id: str) -> None:
        writer = LiveWriter(redis, store, job_id, 1, 1)
        with pytest.raises(RuntimeError):
            await writer.append(b"")
        await writer.stop()

    async def test_half_a_frame(self, redis: Redis, store: ObjectStore, job_id: str) -> None:
        async with LiveWriter(redis, store, job_id, 1, 1) as writer:
            await writer.open(STEREO)
            with pytest.raises(ValueError, match="whole frames"):
                await writer.append(b"123")

    async def test_ending_in_no_known_state(self, redis: Redis, job_id: str) -> None:
        with pytest.raises(ValueError, match="paused"):
            await raise_fence(redis, job_id, 1, "paused")

    async def test_client_that_decodes(self, valkey: ValkeyServer, store: ObjectStore, job_id: str) -> None:
        decoding: Redis = Redis.from_url(valkey.url(), decode_responses=True)
        with pytest.raises(TypeError):
            LiveWriter(decoding, store, job_id, 1, 1)
        with pytest.raises(TypeError):
            LiveReader(decoding, store, job_id)

    async def test_plain_client_of_the_newer_protocol_works_too(
        self, valkey: ValkeyServer, store: ObjectStore, job_id: str
    ) -> None:
        client = open_valkey(f"{valkey.url()}?protocol=3")
        async with LiveWriter(client, store, job_id, 1, 1) as writer:
            await writer.open(MONO)
            await writer.append(song(100))
            await writer.close()
        assert await read(client, store, job_id) == (song(100), "closed")
        await client.aclose()
