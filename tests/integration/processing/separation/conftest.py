"""A source track on disk, and the work of a job around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.processing.jobs.kind import Equipment, LicenceTerms, SourceTrack, Work
from services.processing.separation.job import KIND
from tests.support import spleeter_reference as reference


@pytest.fixture(scope="session")
def weights() -> Path:
    """The assets folder with Spleeter's weights."""
    for name in reference.WEIGHTS:
        reference.store().fetch(name)
    return reference.ASSETS


@pytest.fixture
def track(tmp_path: Path) -> Callable[..., SourceTrack]:
    def make(samples: np.ndarray, rate: int = 44_100, **changes: object) -> SourceTrack:
        path = tmp_path / "master.flac"
        soundfile.write(path, samples, rate, subtype="PCM_24")
        values = {
            "track_id": "t", "title": "Song", "prompt": "", "duration_seconds": len(samples) / rate,
            "sample_rate_hz": rate, "channels": samples.shape[1] if samples.ndim > 1 else 1, "bpm": 90.0, "key": "Am",
            "tags": ("own",), "licence": LicenceTerms("CC-BY-4.0", True, ("Ann",)), "master": path,
            "stems": {}, "midi": None,
        }  # fmt: skip
        return SourceTrack(**{**values, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def work(tmp_path: Path, weights: Path) -> Callable[..., Work]:
    def make(track: SourceTrack, check: Callable[[], None] = lambda: None, **body: object) -> Work:
        folder = tmp_path / "folder"
        folder.mkdir(exist_ok=True)
        return Work(
            KIND.parse({"track_id": "t", **body}),
            {"t": track},
            folder,
            check,
            _Told([]),
            Equipment(assets_dir=weights, models_dir=tmp_path / "models", device="cpu"),
        )

    return make


class _Told:
    """A report that remembers."""

    def __init__(self, told: list[tuple[float, str]]) -> None:
        self.told = told

    def __call__(self, fraction: float, stage: str) -> None:
        self.told.append((fraction, stage))
