from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.generation.backends.protocol import GenerationCancelled
from services.generation.composer.sampler.bank import SoundBank
from services.generation.composer.score import MixHints, Note, Part, Score, SectionSpan
from tests.support.soundfont_builder import MODES, PresetSpec, SampleSpec, ZoneSpec, build_soundfont, looped_sine, sine

RATE = 44_100


@dataclass
class RecordingContext:
    """A worker that keeps everything; `cancel_after` cancels once so many samples were heard."""

    scratch: Path
    cancel_after: int | None = None
    started: tuple[int, int, int | None] | None = None
    blocks: list[NDArray[np.float32]] = field(default_factory=list)
    reports: list[tuple[float, str, float | None]] = field(default_factory=list)
    checks: list[float] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
    first_audio_after: float = 0.0

    def __post_init__(self) -> None:
        self._began = time.monotonic()

    def check(self) -> None:
        self.checks.append(time.monotonic())
        if self.cancelled.is_set():
            raise GenerationCancelled("test")

    def progress(self, fraction: float, stage: str, eta_seconds: float | None = None) -> None:
        self.reports.append((fraction, stage, eta_seconds))

    def start(self, sample_rate_hz: int, channels: int, total_samples: int | None) -> None:
        assert self.started is None
        self.started = (sample_rate_hz, channels, total_samples)

    def audio(self, samples: NDArray[np.float32]) -> None:
        assert self.started is not None
        if not self.blocks:
            self.first_audio_after = time.monotonic() - self._began
        self.blocks.append(samples.copy())
        if self.cancel_after is not None and sum(map(len, self.blocks)) >= self.cancel_after:
            self.cancelled.set()

    @property
    def heard(self) -> NDArray[np.float32]:
        return np.concatenate(self.blocks)


@pytest.fixture
def new_context(tmp_path: Path) -> Callable[..., RecordingContext]:
    def make(cancel_after: int | None = None) -> RecordingContext:
        folder = tmp_path / f"scratch-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return RecordingContext(folder, cancel_after)

    return make


def _burst(seconds: float, low: int, high: int) -> NDArray[np.int16]:
    """Decaying noise between two frequencies: a drum."""
    frames = round(seconds * RATE)
    rng = np.random.default_rng(low)
    spectrum = np.fft.rfft(rng.standard_normal(frames))
    hertz = np.fft.rfftfreq(frames, 1 / RATE)
    spectrum[(hertz < low) | (hertz > high)] = 0
    wave = np.fft.irfft(spectrum, frames) * np.exp(-np.arange(frames) / (0.15 * frames))
    return np.round(wave / np.abs(wave).max() * 25_000).astype(np.int16)


@pytest.fixture(scope="session")
def small_font(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tone that is held, a plucked one, and three drums."""
    tone = looped_sine()
    pluck = SampleSpec(sine(440.0, 2.0))
    drums = [
        SampleSpec(_burst(0.4, 40, 150)),
        SampleSpec(_burst(0.3, 200, 6_000)),
        SampleSpec(_burst(0.1, 7_000, 16_000)),
    ]
    kit = PresetSpec(
        [ZoneSpec(2 + index, {58: key, 57: 0}, keys=(key, key)) for index, key in enumerate((36, 38, 42))], bank=128
    )
    presets = [
        PresetSpec([ZoneSpec(0, {MODES: 1, 38: -1_200})], program=0),
        PresetSpec([ZoneSpec(1, {36: 1_200, 37: 1_000, 38: -1_200})], program=33),
        kit,
    ]
    path = tmp_path_factory.mktemp("fonts") / "small.sf2"
    path.write_bytes(build_soundfont([tone, pluck, *drums], presets))
    return path


@pytest.fixture
def bank(small_font: Path) -> SoundBank:
    return SoundBank(small_font, RATE, 2**24)


@pytest.fixture(scope="session")
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture(scope="session")
def make_score() -> Callable[..., Score]:
    """A four-part song of any length at 120 beats a minute, two beats of rest at its end."""

    def make(seconds: float = 6.0, *, mix: MixHints | None = None, vinyl: float | None = None, seed: int = 3) -> Score:
        bars = max(int((seconds - 1.0) / 2.0), 1)
        drums, bass, chords, melody = [], [], [], []
        for bar in range(bars):
            beat = bar * 4.0
            drums += [Note(beat + place, 0.25, 36, 110) for place in (0, 2)]
            drums += [Note(beat + place, 0.25, 38, 100) for place in (1, 3)]
            drums += [Note(beat + place / 2, 0.1, 42, 70 + 20 * (place % 2)) for place in range(8)]
            bass += [Note(beat + place, 0.9, 33 + bar % 3, 90) for place in range(4)]
            chords += [Note(beat, 3.8, key, 80) for key in (57, 60, 64)]
            melody += [Note(beat + place, 0.9, 69 + (bar + place) % 5, 95) for place in (0, 1, 3)]
        half = max(bars // 2, 1)
        sections = [SectionSpan("verse", 0, half, 0.5, -3.0)]
        if bars > half:
            sections.append(SectionSpan("chorus", half, bars - half, 0.9))
        return Score(
            title="Test",
            bpm=120.0,
            beats_per_bar=4,
            key="A minor",
            bars=bars,
            sections=tuple(sections),
            parts=(
                Part("kit", "drums", 0, 128, True, tuple(drums), reverb_send_db=-22.0),
                Part("bass", "bass", 33, 0, False, tuple(bass), gain_db=-4.0),
                Part("keys", "chords", 0, 0, False, tuple(chords), -4.0, -0.3, -14.0, sidechain=True, width=0.4),
                Part("lead", "melody", 0, 0, False, tuple(melody), -2.0, 0.2, -12.0, -14.0),
            ),
            duration_seconds=seconds,
            vinyl_noise_db=vinyl,
            mix=mix or MixHints(sidechain_db=4.0, drive_db=2.0),
            seed=seed,
        )

    return make
