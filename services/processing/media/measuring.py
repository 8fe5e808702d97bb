"""What is said of a finished file: length, loudness (ITU-R BS.1770-5) and true peak, by libebur128, in blocks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyebur128

from services.processing.media.reading import blocks, inspect

# What silence reads: the absolute gate of BS.1770, and below the noise of 24 bits.
SILENCE_LUFS: Final = -70.0
SILENCE_DBTP: Final = -150.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A lossless file. Loudness in LUFS, true peak in dBTP (the highest of any channel), both bounded below."""

    frames: int
    sample_rate_hz: int
    channels: int
    loudness_lufs: float
    true_peak_dbtp: float

    @property
    def duration_seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate_hz


def measure(path: Path, check: Callable[[], None]) -> Measured:
    """Measure a lossless file. `check` runs before each block and may raise.

    Raises UNSUPPORTED_MEDIA when it cannot be read, or holds what is no sound.
    """
    info = inspect(path)
    mode = pyebur128.MeasurementMode.MODE_I | pyebur128.MeasurementMode.MODE_TRUE_PEAK
    state = pyebur128.R128State(info.channels, info.sample_rate_hz, mode)
    for block in blocks(path, check):
        state.add_frames(np.ascontiguousarray(block).reshape(-1), len(block))
    peak = max(pyebur128.get_true_peak(state, channel) for channel in range(info.channels))
    return Measured(
        frames=info.frames,
        sample_rate_hz=info.sample_rate_hz,
        channels=info.channels,
        loudness_lufs=max(SILENCE_LUFS, pyebur128.get_loudness_global(state)),
        true_peak_dbtp=max(SILENCE_DBTP, 20.0 * math.log10(peak)) if peak > 0 else SILENCE_DBTP,
    )
