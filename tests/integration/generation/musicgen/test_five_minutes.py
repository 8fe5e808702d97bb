"""Five minutes, the longest song that a model offers: made by a real worker through all its windows, killed on the way,
finished by another, heard without a break."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import orjson
import psutil
import pytest
import soundfile

from protos.generation.v1.generation_pb2 import Section
from protos.users.v1 import jobs_pb2
from services.generation.engine.timeline import Windows
from services.generation.models import debug
from services.generation.musicgen.token_record import TokenRecord
from services.shared.live_scripts import LiveKeys
from services.shared.live_tokens import read_tokens
from tests.support.listening import decode
from tests.support.user_management import eventually

pytestmark = pytest.mark.integration

SECONDS = 300
RATE = 32_000
FRAME = 640
WINDOWS = Windows(1_500, 900)
RECORD = TokenRecord("musicgen-debug", debug.REVISION, 4)
MEGABYTE = 2**20
# Between an early and a late moment of one song. Its tokens take 120 kB, its audio would take 38 MB.
GROWTH_BYTES = 24 * MEGABYTE


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_five_minutes_slide_through_sixteen_windows_and_two_workers(
    generation: Any, start_process: Callable[..., Awaitable[asyncio.subprocess.Process]], tmp_path: Any
) -> None:
    victim = await start_process("tests.support.musicgen_worker")
    form = [
        Section(section="intro", seconds=100, prompt="soft piano"),
        Section(section="chorus", seconds=100, prompt="loud drums"),
        Section(section="outro", seconds=100, prompt="bells"),
    ]
    job = await generation.submit(model="musicgen-debug", duration_seconds=SECONDS, seed=5, structure=form)
    listening = asyncio.create_task(generation.heard(job))

    async def published() -> float:
        return int(await generation.redis.hget(LiveKeys.of(job.id).meta, "committed") or 0) / RATE

    async def memory_after(seconds: float, process: asyncio.subprocess.Process) -> int:
        async def reached() -> bool:
            return await published() >= seconds

        await eventually(reached, within=600, what=f"{seconds:.0f} seconds are heard")
        return int(psutil.Process(process.pid).memory_info().rss)

    early = await memory_after(40, victim)
    middle = await memory_after(130, victim)
    victim.kill()
    await victim.wait()
    heard_before = await published()
    kept = RECORD.unpack(await read_tokens(generation.redis, job.id))
    assert kept
    assert heard_before * 50 <= len(kept)
    progress = (await generation.job(job)).progress
    # The ledger hears of it every three seconds at most; it never promises more than there is.
    assert 0.2 < progress <= len(kept) / (SECONDS * 50)

    heir = await start_process("tests.support.musicgen_worker")
    late = await memory_after(heard_before + 20, heir)
    ended = await generation.ended(job, within=600)
    last = int(psutil.Process(heir.pid).memory_info().rss)
    assert ended.status == jobs_pb2.JOB_STATUS_SUCCEEDED
    metrics = orjson.loads(ended.metrics_json)
    assert metrics["resumed_frames"] == len(kept)
    assert metrics["engine_steps"] == SECONDS * 50 - len(kept)
    slides = len(WINDOWS.first_drawn(SECONDS * 50)) - 1
    print(
        f"\n{slides} slides; killed at {heard_before:.0f} s, {len(kept)} frames kept; worker's memory at 40 and 130 s "
        f"{early / MEGABYTE:.0f} and {middle / MEGABYTE:.0f} MB, its heir's early and at the end "
        f"{late / MEGABYTE:.0f} and {last / MEGABYTE:.0f} MB; {metrics['times_real_time']} × real time"
    )
    assert middle - early < GROWTH_BYTES
    assert last - late < GROWTH_BYTES

    async with asyncio.timeout(60):
        heard, rate = decode(await listening, "wav")
    assert len(heard) == SECONDS * rate
    heard = heard.reshape(len(heard), -1)[:, 0]
    jumps = np.abs(np.diff(heard))
    borders = [frame * FRAME for frame in (*WINDOWS.first_drawn(SECONDS * 50)[1:], len(kept), 5_000, 10_000)]
    assert slides == 15
    near = np.zeros(len(jumps), bool)
    for border in borders:
        near[border - 1_600 : border + 1_600] = True
    print(f"largest jump where windows, workers or sections meet {jumps[near].max():.3f}, elsewhere {jumps.max():.3f}")
    assert jumps[near].max() <= jumps[~near].max()
    # No second of it is silent, and none repeats another.
    loudness = np.sqrt(np.square(heard.reshape(SECONDS, -1)).mean(axis=1))
    assert loudness.min() > 0.2 * np.median(loudness)
    assert len({second.tobytes() for second in heard.reshape(SECONDS, -1)}) == SECONDS

    track = await generation.track(ended)
    path = tmp_path / "master.flac"
    await generation.store.download(track.content.master_object_key, path)
    assert soundfile.info(path).frames == SECONDS * RATE
