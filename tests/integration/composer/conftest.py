from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.generation.backends.composer import SOUNDFONT, ComposerBackend
from services.generation.backends.protocol import BackendEnvironment, GenerationCancelled, GenerationRequest
from services.generation.composer.description import MODEL_ID
from services.generation.composer.sampler.bank import SoundBank
from services.shared.assets.store import AssetStore

ASSETS = Path(__file__).resolve().parents[3] / "var" / "assets"


@dataclass
class Listener:
    """The worker's side of a song, kept in memory."""

    scratch: Path
    blocks: list[NDArray[np.float32]] = field(default_factory=list)
    reports: list[tuple[float, str]] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
    heard_half_a_second: threading.Event = field(default_factory=threading.Event)
    # In processor time of the process, which other processes hardly disturb.
    half_a_second_at: float = 0.0

    def check(self) -> None:
        if self.cancelled.is_set():
            raise GenerationCancelled("test")

    def progress(self, fraction: float, stage: str, eta_seconds: float | None = None) -> None:
        self.reports.append((fraction, stage))

    def start(self, sample_rate_hz: int, channels: int, total_samples: int | None) -> None:
        self.total = total_samples

    def audio(self, samples: NDArray[np.float32]) -> None:
        self.blocks.append(samples)
        heard = np.concatenate(self.blocks) if len(self.blocks) < 40 else None
        if heard is not None and not self.heard_half_a_second.is_set():
            sounding = np.flatnonzero(np.abs(heard).max(axis=1) > 1e-3)
            if len(sounding) and len(heard) - sounding[0] >= 22_050:
                self.half_a_second_at = time.process_time()
                self.heard_half_a_second.set()

    @property
    def heard(self) -> NDArray[np.float32]:
        return np.concatenate(self.blocks)


@pytest.fixture(scope="session")
def assets() -> Path:
    """The real SoundFont; fetched once if nobody has yet."""
    AssetStore(ASSETS).fetch(SOUNDFONT)
    return ASSETS


@pytest.fixture(scope="session")
def bank(assets: Path) -> SoundBank:
    return SoundBank(AssetStore(assets).path(SOUNDFONT), 44_100)


@pytest.fixture(scope="session")
def backend(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposerBackend]:
    made = ComposerBackend(BackendEnvironment(tmp_path_factory.mktemp("models"), assets))
    made.load(MODEL_ID)
    yield made
    made.close()


@pytest.fixture
def new_listener(tmp_path: Path) -> Callable[[], Listener]:
    def make() -> Listener:
        folder = tmp_path / f"song-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return Listener(folder)

    return make


@pytest.fixture(scope="session")
def ask() -> Callable[..., GenerationRequest]:
    def make(prompt: str, seconds: float = 12.0, seed: int = 5) -> GenerationRequest:
        return GenerationRequest(prompt=prompt, duration_seconds=seconds, model=MODEL_ID, seed=seed)

    return make
