"""The `musicgen` backend on the tiny random model, as a worker uses it."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from services.generation.backends.musicgen import MusicGenBackend
from services.generation.backends.protocol import (
    BackendEnvironment,
    GeneratedTrack,
    GenerationCancelled,
    GenerationRequest,
    ModelDescription,
)
from services.generation.models.residents import Plan
from services.generation.worker.output_gate import check_output
from services.shared.errors import AppError, ErrorCode

RATE = 32_000


class Listener:
    """A context that keeps what it is given. `hold` blocks the audio until it is set; `stop_after` cancels then."""

    def __init__(self, scratch: Path, stop_after: int | None = None) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self.scratch = scratch
        self.hold = threading.Event()
        self.hold.set()
        self.waiting = threading.Event()
        self.blocks: list[np.ndarray] = []
        self.fractions: list[float] = []
        self.started: tuple[int, int, int | None] | None = None
        self._stop_after = stop_after

    def check(self) -> None:
        if self._stop_after is not None and len(self.blocks) >= self._stop_after:
            raise GenerationCancelled

    def progress(self, fraction: float, stage: str, eta_seconds: float | None = None) -> None:
        assert stage
        self.fractions.append(fraction)

    def start(self, sample_rate_hz: int, channels: int, total_samples: int | None) -> None:
        self.started = (sample_rate_hz, channels, total_samples)

    def audio(self, samples: np.ndarray) -> None:
        self.waiting.set()
        assert self.hold.wait(30)
        assert self.started is not None
        self.blocks.append(samples.copy())

    @property
    def heard(self) -> np.ndarray:
        return np.concatenate(self.blocks)


@pytest.fixture(scope="module")
def backend() -> Iterator[MusicGenBackend]:
    backend = MusicGenBackend(BackendEnvironment(Path("/nonexistent"), Path("/nonexistent")))
    backend.load("musicgen-debug")
    yield backend
    backend.close()
    backend.close()


def request(seed: int = 1, seconds: float = 1.5, **fields: object) -> GenerationRequest:
    return GenerationRequest("a prompt", seconds, "musicgen-debug", seed, **fields)  # type: ignore[arg-type]


async def test_song_passes_the_gate_and_is_as_long_as_asked(backend: MusicGenBackend, tmp_path: Path) -> None:
    listener = Listener(tmp_path)
    track = await backend.generate(request(seconds=2.345), listener)
    check_output(track)
    assert track.duration_seconds == 2.345
    assert listener.started == (RATE, 1, round(2.345 * RATE))
    assert listener.fractions == sorted(listener.fractions)
    assert 0.95 < listener.fractions[-1] <= 1.0
    assert max(len(block) for block in listener.blocks) <= RATE // 2


async def test_live_audio_is_the_file_but_for_the_stated_gain(backend: MusicGenBackend, tmp_path: Path) -> None:
    listener = Listener(tmp_path)
    track = await backend.generate(request(), listener)
    file, _ = soundfile.read(track.master_path, dtype="float32", always_2d=True)
    np.testing.assert_allclose(listener.heard * 10 ** (track.mastering_gain_db / 20), file, atol=2**-23)


async def test_songs_made_together_equal_the_same_songs_alone(backend: MusicGenBackend, tmp_path: Path) -> None:
    alone = Listener(tmp_path / "alone")
    await backend.generate(request(3), alone)
    together = [Listener(tmp_path / str(seed)) for seed in range(6)]
    await asyncio.gather(*(backend.generate(request(seed), each) for seed, each in enumerate(together)))
    np.testing.assert_array_equal(together[3].heard, alone.heard)
    assert not np.array_equal(together[2].heard, alone.heard)


async def test_parameters_change_the_song(backend: MusicGenBackend, tmp_path: Path) -> None:
    plain = Listener(tmp_path / "plain")
    await backend.generate(request(), plain)
    variants = [{"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.3}, {"guidance_scale": 1.0}, {"negative_prompt": "no"}]
    for index, variant in enumerate(variants):
        other = Listener(tmp_path / str(index))
        await backend.generate(request(**variant), other)
        assert not np.array_equal(other.heard, plain.heard), variant


async def test_cancelled_song_stops_at_once_and_the_others_go_on(backend: MusicGenBackend, tmp_path: Path) -> None:
    cancelled, other = Listener(tmp_path / "a", stop_after=1), Listener(tmp_path / "b")
    results = await asyncio.gather(
        backend.generate(request(seconds=30), cancelled), backend.generate(request(2), other), return_exceptions=True
    )
    assert isinstance(results[0], GenerationCancelled)
    assert isinstance(results[1], GeneratedTrack)
    assert len(cancelled.heard) < RATE


async def test_listener_that_blocks_holds_up_nobody_else(backend: MusicGenBackend, tmp_path: Path) -> None:
    blocked = Listener(tmp_path / "blocked")
    blocked.hold.clear()
    waiting = asyncio.create_task(backend.generate(request(seconds=3), blocked))
    assert await asyncio.to_thread(blocked.waiting.wait, 10)
    async with asyncio.timeout(60):
        await backend.generate(request(2), Listener(tmp_path / "other"))
    assert not waiting.done()
    blocked.hold.set()
    await waiting


async def test_songs_are_made_faster_than_they_play(backend: MusicGenBackend, tmp_path: Path) -> None:
    began = time.process_time()  # of all threads: other programs on the machine do not count
    await backend.generate(request(seconds=10), Listener(tmp_path))
    assert time.process_time() - began < 5


async def test_model_of_another_family_is_refused(backend: MusicGenBackend) -> None:
    with pytest.raises(AppError) as caught:
        backend.load("musicgen-huge")
    assert caught.value.code is ErrorCode.NOT_FOUND


async def test_closing_the_backend_ends_its_songs(tmp_path: Path) -> None:
    backend = MusicGenBackend(BackendEnvironment(Path("/nonexistent"), Path("/nonexistent")))
    listener = Listener(tmp_path)
    making = asyncio.create_task(backend.generate(request(seconds=30), listener))
    assert await asyncio.to_thread(listener.waiting.wait, 10)
    backend.close()
    async with asyncio.timeout(60):
        with pytest.raises(RuntimeError, match="closed"):
            await making


def test_other_weights_under_the_same_name_are_another_model(folder: Callable[[str], Path], tmp_path: Path) -> None:
    built: list[str] = []
    closed: list[str] = []

    class Watched(MusicGenBackend):
        def _plan(self, description: ModelDescription) -> Any:
            def build() -> Any:
                built.append(description.revision)
                return SimpleNamespace(close=lambda: closed.append(description.revision))

            return Plan(0, build)

    shutil.copytree(folder("mono"), tmp_path / "mine")
    backend = Watched(BackendEnvironment(tmp_path, tmp_path))
    for _ in range(2):
        backend.load("musicgen-mine")
    with (tmp_path / "mine" / "config.json").open("a") as file:
        file.write("\n")
    backend.load("musicgen-mine")
    assert (len(built), len(set(built)), closed) == (2, 2, built[:1])
    assert backend.resident_models == ("musicgen-mine",)
    backend.close()
