"""One attempt's live audio, against a real channel: published, given up, or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
from redis.asyncio import Redis

from protos.users.v1 import jobs_pb2
from services.generation.worker.live_feed import LiveFeed
from services.generation.worker.live_output import LiveOutput
from services.shared.ids import new_id
from services.shared.job_events import read_events
from services.shared.job_progress import JobProgress
from services.shared.leases import Lease, LeaseKeeper
from services.shared.live_channel import LiveFormat, LiveReader, LiveWriter, StaleToken, raise_fence
from services.shared.live_tokens import read_tokens
from services.shared.storage import ObjectStore
from tests.support.user_management import eventually

pytestmark = pytest.mark.integration

FORMAT = LiveFormat(8_000, 1, None)
BLOCK = np.full((4_000, 1), 0.25, np.float32)


@pytest.fixture
def store() -> ObjectStore:
    return ObjectStore.from_url("memory://")


@pytest.fixture
def keeper() -> Iterator[LeaseKeeper]:
    """A keeper whose ledger cannot be reached: leases hold until the guard time is over."""
    with grpc.insecure_channel("unix:/nonexistent") as channel:
        keeper = LeaseKeeper(channel, "worker", guard_seconds=60.0)
        yield keeper
        keeper.close()


@pytest.fixture
def lease(keeper: LeaseKeeper) -> Lease:
    job = jobs_pb2.Job(id=new_id())
    return keeper.hold(jobs_pb2.LeasedJob(job=job, lease_id=new_id(), fencing_token=5, attempt=1))


def output(redis: Redis, store: ObjectStore, lease: Lease, feed: LiveFeed) -> LiveOutput:
    return LiveOutput(redis, store, lease, feed, lambda _: None)


def fed(live: LiveFormat | None = FORMAT) -> LiveFeed:
    feed = LiveFeed()
    if live is not None:
        feed.start(live)
        feed.put(BLOCK, lambda: None)
    feed.finish()
    return feed


async def test_audio_is_published_and_the_channel_closed(redis: Redis, store: ObjectStore, lease: Lease) -> None:
    await output(redis, store, lease, fed()).run()
    reader = LiveReader(redis, store, lease.job_id)
    assert await reader.format(0) == FORMAT
    assert b"".join([pcm async for pcm in reader.pcm()]) == (8192).to_bytes(2, "little") * 4_000
    assert reader.final_state == "closed"


async def test_songs_first_audio_is_that_of_the_attempt_that_published_it(
    redis: Redis, store: ObjectStore, lease: Lease
) -> None:
    told: list[float] = []

    async def is_told() -> bool:
        return bool(told)

    feeds = [LiveFeed(), LiveFeed()]
    for feed in feeds:
        feed.start(FORMAT)
        feed.put(BLOCK, lambda: None)
        publishing = asyncio.create_task(LiveOutput(redis, store, lease, feed, told.append).run())
        await eventually(is_told, within=10, what="the first audio is told")
        if feed is feeds[-1]:
            # An attempt goes on until its end behind what the one before it left.
            feed.finish()
            await publishing
        publishing.cancel()
        await asyncio.wait({publishing})
    assert len(told) == 1


async def test_record_of_tokens_outlives_the_channel_until_the_song_is_kept(
    redis: Redis, store: ObjectStore, lease: Lease
) -> None:
    feed = LiveFeed()
    feed.start(FORMAT)
    feed.put_tokens(b"head", True)
    feed.put_tokens(b"tokens", False)
    feed.put(BLOCK, lambda: None)
    feed.finish()
    live = output(redis, store, lease, feed)
    await live.run()
    # Its worker may still die while it stores the song.
    assert await read_tokens(redis, lease.job_id) == b"headtokens"
    await live.forget()
    assert await read_tokens(redis, lease.job_id) == b""


async def test_song_without_live_audio_opens_no_channel(redis: Redis, store: ObjectStore, lease: Lease) -> None:
    await output(redis, store, lease, fed(None)).run()
    assert await LiveReader(redis, store, lease.job_id).format(0) is None


async def test_channel_of_another_format_is_given_up_and_holds_nobody_up(
    redis: Redis, store: ObjectStore, lease: Lease
) -> None:
    async with LiveWriter(redis, store, lease.job_id, 4, 1) as earlier:
        await earlier.open(LiveFormat(16_000, 1, None))
        await earlier.append(bytes(3_200))
    feed = LiveFeed()
    feed.start(FORMAT)
    await output(redis, store, lease, feed).run()

    def produce() -> None:
        for _ in range(100):
            feed.put(BLOCK, lambda: None)

    async with asyncio.timeout(60):
        await asyncio.to_thread(produce)


async def test_raised_fence_refuses_the_audio(redis: Redis, store: ObjectStore, lease: Lease) -> None:
    await raise_fence(redis, lease.job_id, 6)
    with pytest.raises(StaleToken):
        await output(redis, store, lease, fed()).run()


async def test_lost_lease_writes_nothing_although_nobody_raised_the_fence(
    redis: Redis, store: ObjectStore, lease: Lease
) -> None:
    lease.refused()
    with pytest.raises(StaleToken):
        await output(redis, store, lease, fed()).run()
    assert await LiveReader(redis, store, lease.job_id).format(0) is None


@pytest.mark.parametrize("how", ["fence", "lease"])
async def test_progress_of_a_lost_lease_ends(redis: Redis, lease: Lease, how: str) -> None:
    if how == "fence":
        await raise_fence(redis, lease.job_id, 6)
    else:
        lease.refused()
    reporter = JobProgress(redis, lease)
    reporter.report(0.5, "humming", None)
    async with asyncio.timeout(60):
        await reporter.publish()
    assert not await redis.exists(f"mg:events:{{{lease.job_id}}}")


async def test_only_the_newest_progress_is_told_and_it_never_falls(redis: Redis, lease: Lease) -> None:
    reporter = JobProgress(redis, lease)
    for fraction in (0.2, 0.6, 0.4):
        reporter.report(fraction, f"at {fraction}", 3.21)
    telling = asyncio.create_task(reporter.publish())
    async with asyncio.timeout(60):
        event = await anext(read_events(redis, lease.job_id, None))
    telling.cancel()
    assert (event.type, event.data) == ("progress", {"progress": 0.6, "stage": "at 0.4", "eta_seconds": 3.2})
