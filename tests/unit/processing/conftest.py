"""Masters to work on, and a place to work in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from services.processing.heavy_work import HeavyWork
from services.processing.scratch import Scratch
from services.shared.storage import ObjectStore

RATE = 44_100


@pytest.fixture(scope="session")
def music() -> NDArray[np.float32]:
    """Three seconds of chords with an envelope and some noise, stereo at 44.1 kHz, peak about −3 dB."""
    time = np.arange(3 * RATE) / RATE
    envelope = np.exp(-2.0 * (time % 0.75))
    left = sum(np.sin(2 * np.pi * hz * time) for hz in (220.0, 277.18, 329.63, 1318.5)) / 4 * envelope
    right = sum(np.sin(2 * np.pi * hz * time + 0.3) for hz in (220.0, 329.63, 440.0, 2637.0)) / 4 * envelope
    noise = 0.01 * np.random.default_rng(7).standard_normal((len(time), 2))
    return (0.7 * np.stack([left, right], axis=1) + noise).astype(np.float32)


@pytest.fixture
def write_master(tmp_path: Path) -> Callable[..., Path]:
    """Write samples as a master: `write_master(samples, rate=44100, subtype="PCM_24", name="master.flac")`."""

    def write(
        samples: NDArray[np.float32], rate: int = RATE, subtype: str = "PCM_24", name: str = "master.flac"
    ) -> Path:
        path = tmp_path / name
        soundfile.write(path, samples, rate, subtype=subtype)
        return path

    return write


@pytest.fixture
def master(music: NDArray[np.float32], write_master: Callable[..., Path]) -> Path:
    """A 24-bit FLAC."""
    return write_master(music)


@pytest.fixture
def store() -> ObjectStore:
    return ObjectStore.from_url("memory://")


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path / "scratch", "test")
    yield made
    made.close()


@pytest.fixture
def heavy() -> Iterator[HeavyWork]:
    made = HeavyWork(2)
    yield made
    made.close()
