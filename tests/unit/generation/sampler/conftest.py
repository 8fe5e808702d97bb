from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.generation.composer.sampler.bank import SoundBank
from services.generation.composer.sampler.controls import Controls
from services.generation.composer.sampler.player import NoteEvent, Player
from services.generation.composer.sampler.soundfont import SoundFont

RATE = 44_100


@pytest.fixture
def open_font(tmp_path: Path) -> Callable[[bytes], SoundFont]:
    def write(content: bytes) -> SoundFont:
        path = tmp_path / "font.sf2"
        path.write_bytes(content)
        return SoundFont(path)

    return write


@pytest.fixture
def open_bank(tmp_path: Path) -> Callable[..., SoundBank]:
    def write(content: bytes, cache_bytes: int = 2**24) -> SoundBank:
        path = tmp_path / "font.sf2"
        path.write_bytes(content)
        return SoundBank(path, RATE, cache_bytes)

    return write


@pytest.fixture
def play() -> Callable[..., NDArray[np.float32]]:
    """Plays notes `(start seconds, length seconds, key, velocity)` through a bank's first preset."""

    def run(
        bank: SoundBank,
        notes: Sequence[tuple[float, float, int, int]],
        seconds: float,
        *,
        block: int = 4_096,
        controls: Controls | None = None,
        percussion: bool = False,
        preset: tuple[int, int] = (0, 0),
    ) -> NDArray[np.float32]:
        events = [
            NoteEvent(round(start * RATE), key, velocity, round((start + length) * RATE))
            for start, length, key, velocity in notes
        ]
        player = Player(bank.instrument(*preset), events, controls or Controls(RATE), percussion=percussion)
        frames = round(seconds * RATE)
        blocks = [player.render(block) for _ in range(-(-frames // block))]
        return np.concatenate(blocks, axis=1)[:, :frames]

    return run
