"""Signals with known properties."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


@pytest.fixture
def tone() -> Callable[..., Float32]:
    """Stereo sines one after the other: `tone([(dBFS, seconds), …], hz=1000, rate=48000, channels=2)`.

    The phase runs on through all of them. −inf is silence.
    """

    def make(
        parts: Sequence[tuple[float, float]], hz: float = 1_000.0, rate: int = 48_000, channels: int = 2
    ) -> Float32:
        gains = np.concatenate([np.full(round(seconds * rate), 10.0 ** (level / 20.0)) for level, seconds in parts])
        wave = gains * np.sin(2.0 * np.pi * hz * np.arange(len(gains)) / rate)
        return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)

    return make
