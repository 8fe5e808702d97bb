"""The studio: the sounds and the hands that all songs of a process share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.render.bounce import Bounce, bounce
from services.generation.composer.render.progress import Progress
from services.generation.composer.sampler.bank import SoundBank
from services.generation.composer.score import DRUM_BANK, MixHints, Note, Part, Score, SectionSpan

SAMPLE_RATE_HZ = 44_100
CHANNELS = 2

# What most songs use; the beginnings of their sounds are decoded before the first song asks.
_COMMON_PRESETS = ((DRUM_BANK, 0), (0, 0), (0, 4), (0, 25), (0, 32), (0, 33), (0, 38), (0, 48), (0, 81), (0, 89))
_PRELOADED_KEYS = range(33, 84, 3)
_PRELOADED_VELOCITY = 84
_PRELOADED_SECONDS = 0.3
_KEPT_BYTES = 8 * 2**20


class Studio:
    """A sound bank and a pool of threads that plays every song, block by block in turns."""

    def __init__(self, font: Path, threads: int) -> None:
        # glibc's allocator takes from the system, and gives back, each block larger than the largest that was freed so
        # far: half a megabyte of pages for every block of a song, again and again.
        np.empty(_KEPT_BYTES, np.uint8)
        self.bank = SoundBank(font, SAMPLE_RATE_HZ)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="composer")

    def warm_up(self) -> None:
        """Compile every kernel (or take it from numba's cache) and decode the beginnings of common sounds."""
        with TemporaryDirectory(prefix="composer-") as folder:
            bounce(_exercise(), self.bank, self._executor, Progress(_Rehearsal(Path(folder))))
        for bank, program in _COMMON_PRESETS:
            instrument = self.bank.instrument(bank, program)
            instrument.preload(_PRELOADED_KEYS, _PRELOADED_VELOCITY, _PRELOADED_SECONDS)

    def record(self, score: Score, progress: Progress) -> Bounce:
        """Play a score to its end; see `bounce`."""
        return bounce(score, self.bank, self._executor, progress)

    def close(self) -> None:
        """End the threads. Idempotent."""
        self._executor.shutdown()


class _Rehearsal:
    """A context that nobody listens to."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch

    def check(self) -> None:
        """Nobody cancels."""

    def progress(self, fraction: float, stage: str, eta_seconds: float | None = None) -> None:
        """Nobody waits."""

    def start(self, sample_rate_hz: int, channels: int, total_samples: int | None) -> None:
        """No channel is opened."""

    def audio(self, samples: NDArray[np.float32]) -> None:
        """The sound fades away."""


def _exercise() -> Score:
    """A second of music that takes every path of the sampler and the mix."""

    def part(name: str, stem: str, program: int, *, drums: bool = False) -> Part:
        keys = (36, 38, 42) if drums else (48, 60, 67)
        notes = tuple(Note(index * 0.25, 0.5, key, 90) for index, key in enumerate(keys))
        return Part(
            name,
            stem,
            program,
            DRUM_BANK if drums else 0,
            drums,
            notes,
            reverb_send_db=-12.0,
            delay_send_db=-12.0,
            high_cut_hz=9_000.0,
            sidechain=not drums,
            width=0.5,
        )

    return Score(
        title="Exercise",
        bpm=120.0,
        beats_per_bar=4,
        key="C major",
        bars=1,
        sections=(SectionSpan("all", 0, 1, 1.0, -1.0),),
        parts=(part("kit", "drums", 0, drums=True), part("bass", "bass", 33), part("lead", "melody", 81)),
        duration_seconds=1.0,
        vinyl_noise_db=-50.0,
        mix=MixHints(sidechain_db=3.0, drive_db=2.0, wow_cents=4.0, bit_depth=6, master_high_cut_hz=15_000.0),
    )
