"""Analyses that are run as the worker runs them, on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from services.processing.analysis.job import KIND
from services.processing.jobs.kind import LicenceTerms, Made, SourceTrack, Work


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(samples: Any, rate: int = 44_100, subtype: str = "FLOAT", name: str = "song.wav") -> Path:
        path = tmp_path / name
        soundfile.write(path, np.asarray(samples), rate, subtype=subtype)
        return path

    return make


@pytest.fixture
def analyze(tmp_path: Path) -> Callable[..., Made]:
    def run(
        path: Path,
        *,
        check: Callable[[], None] = lambda: None,
        report: Callable[[float, str], None] = lambda _done, _stage: None,
        **body: Any,
    ) -> Made:
        info = soundfile.info(path)
        terms = LicenceTerms("CC0-1.0", True)
        source = SourceTrack(
            "a", "Song", "", info.duration, info.samplerate, info.channels, 0.0, "", (), terms, path, {}, None
        )
        folder = tmp_path / f"job-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return KIND.run(Work(KIND.parse({"track_id": "a", **body}), {"a": source}, folder, check, report))

    return run


@pytest.fixture(scope="session")
def music() -> Any:
    """Ten seconds at 120 beats a minute: kick on every beat, A minor and F major in turns of two seconds."""
    rate = 44_100
    time = np.arange(10 * rate) / rate
    beat = time % 0.5
    kick = 0.6 * np.sin(2 * np.pi * 55.0 * beat + 5.0 * (1 - np.exp(-40 * beat))) * np.exp(-12 * beat)
    chords = ((110.0, 220.0, 261.63, 329.63), (87.31, 220.0, 261.63, 349.23))
    harmony = sum(
        np.where((time // 2.0) % 2 == number, 1.0, 0.0) * 0.08 * np.sin(2 * np.pi * hz * time)
        for number, chord in enumerate(chords)
        for hz in chord
    )
    return np.stack([kick + harmony, kick + 0.8 * harmony], axis=1)
