"""The real processes with the real composer: a server and a worker as standalone starts them."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from protos.common.v1.common_pb2 import AudioFormat
from protos.users.v1 import jobs_pb2
from services.generation.backends.composer import SOUNDFONT
from services.shared.assets.store import AssetStore
from tests.support.listening import decode, sounding_seconds

pytestmark = pytest.mark.integration

FORMATS = {
    "wav": AudioFormat.AUDIO_FORMAT_WAV,
    "mp3": AudioFormat.AUDIO_FORMAT_MP3,
    "opus": AudioFormat.AUDIO_FORMAT_OPUS,
}


@pytest.fixture
async def platform(caller: Any, start_process: Callable[..., Awaitable[asyncio.subprocess.Process]]) -> Any:
    """A server and a worker that has loaded the composer."""
    await AssetStore(caller.settings.assets_dir).fetch_async(SOUNDFONT)
    caller.processes = await asyncio.gather(
        start_process("services.generation"), start_process("services.generation.worker")
    )
    return caller


async def test_composers_song_is_heard_early_and_kept_whole(platform: Any) -> None:
    began = time.monotonic()
    job = await platform.submit(prompt="driving house with piano, 124 bpm", model="", duration_seconds=12.0, seed=5)
    heard = dict.fromkeys(FORMATS, b"")
    waited: dict[str, float] = {}

    async def listen(name: str) -> None:
        async for piece in platform.pieces(job, FORMATS[name]):
            heard[name] += piece
            if name not in waited and sounding_seconds(*decode(heard[name], name)) >= 0.5:
                waited[name] = time.monotonic() - began

    await asyncio.gather(*(listen(name) for name in FORMATS))
    ended = await platform.ended(job)
    print(f"0.5 s of sound after {waited}, 12 s made in {time.monotonic() - began:.1f} s")
    assert ended.status == jobs_pb2.JOB_STATUS_SUCCEEDED, ended.error
    assert set(waited) == set(FORMATS)
    content = (await platform.track(ended)).content
    master, rate = decode(await platform.store.get(content.master_object_key), "flac")
    live, _ = decode(heard["wav"], "wav")
    gain = 10 ** (content.mastering_gain_db / 20)
    assert np.abs(live * gain - master).max() <= gain * 0.51 / 32768 + 2**-23
    stems = [decode(await platform.store.get(stem.object_key), "flac")[0] for stem in content.stems]
    assert len(stems) >= 3
    assert np.abs(sum(stems) - master).max() <= 1e-4
    assert (await platform.store.get(content.midi_object_key))[:4] == b"MThd"
    assert (len(master), rate) == (12 * 44_100, 44_100)


async def test_both_processes_end_on_sigterm(platform: Any) -> None:
    models = await platform.models()
    assert models["composer"].installed
    assert models["composer"].default
    for process in platform.processes:
        process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(60):
        codes = await asyncio.gather(*(process.wait() for process in platform.processes))
    assert codes == [0, 0]
