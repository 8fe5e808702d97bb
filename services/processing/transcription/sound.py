"""Reads audio files as what the networks hear: mono, at the rate of each, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from services.processing.media.reading import blocks, inspect

# What Basic Pitch hears.
RATE_HZ: Final = 22_050

Mono = NDArray[np.float32]


def mono_blocks(path: Path, rate_hz: int, check: Callable[[], None]) -> Iterator[Mono]:
    """The mean of all channels, resampled. Raises UNSUPPORTED_MEDIA for what is no sound master."""
    info = inspect(path)
    stream = soxr.ResampleStream(info.sample_rate_hz, rate_hz, 1, dtype="float32", quality="HQ")
    for block in blocks(path, check):
        yield stream.resample_chunk(block.mean(axis=1, dtype=np.float32))
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
