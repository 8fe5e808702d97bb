"""Jobs that are run as the worker runs them, on files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from services.processing.jobs.kind import LicenceTerms, Made, SourceTrack, Work
from services.processing.mastering.job import KIND


@dataclass
class Mastering:
    """One job; `reports` and `checks` are what a worker would hear."""

    made: Made
    reports: list[tuple[float, str]] = field(default_factory=list)

    @property
    def result(self) -> Any:
        return self.made.result

    @property
    def path(self) -> Path:
        return self.made.tracks[0].master

    def audio(self) -> Any:
        return soundfile.read(self.path, always_2d=True)[0]


def as_source(track_id: str, path: Path, licence: str = "CC-BY-4.0") -> SourceTrack:
    info = soundfile.info(path)
    terms = LicenceTerms(licence, True, (track_id,))
    return SourceTrack(
        track_id, f"Song {track_id}", "", info.duration, info.samplerate, info.channels, 120.0, "A minor", ("calm",),
        terms, path, {}, None,
    )  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(samples: Any, rate: int = 44_100, subtype: str = "FLOAT", name: str = "song.wav") -> Path:
        path = tmp_path / name
        soundfile.write(path, np.asarray(samples), rate, subtype=subtype)
        return path

    return make


@pytest.fixture
def run_master(tmp_path: Path) -> Callable[..., Mastering]:
    def run(path: Path, *, reference: Path | None = None, check: Callable[[], None] = lambda: None, **body: Any) -> Any:
        sources = {"a": as_source("a", path)}
        if reference is not None:
            sources["b"] = as_source("b", reference)
            body["reference_track_id"] = "b"
        folder = tmp_path / f"job-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        reports: list[tuple[float, str]] = []
        request = KIND.parse({"track_id": "a", **body})
        work = Work(request, sources, folder, check, lambda done, stage: reports.append((done, stage)))
        return Mastering(KIND.run(work), reports)

    return run


@pytest.fixture(scope="session")
def band() -> Any:
    """Eight seconds of drums, bass, chords and noise at 44.1 kHz; peaks about −4 dB, −16 LUFS."""
    rate = 44_100
    time = np.arange(8 * rate) / rate
    random = np.random.default_rng(11)
    beat = time % 0.5
    kick = np.sin(2 * np.pi * 55.0 * beat + 6.0 * (1.0 - np.exp(-30.0 * beat))) * np.exp(-9.0 * beat)
    snare = random.standard_normal(len(time)) * np.exp(-22.0 * ((time + 0.5) % 1.0)) * 0.5
    bass = np.sign(np.sin(2 * np.pi * 82.4 * time)) * 0.12
    chord = sum(np.sin(2 * np.pi * hz * time + hz) for hz in (329.6, 392.0, 493.9, 659.3)) * 0.06
    left = 0.55 * kick + 0.35 * snare + bass + chord
    right = 0.55 * kick + 0.30 * snare + bass + np.roll(chord, 441)
    hall = 0.01 * random.standard_normal((len(time), 2))
    return 0.6 * (np.stack([left, right], axis=1) + hall)
