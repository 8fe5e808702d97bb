"""Loudness of short stretches of audio, for setting levels before a song starts (ITU-R BS.1770-4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyebur128
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

SILENCE_LUFS = -70.0


def loudness_lufs(stretches: Sequence[Float32], rate_hz: int) -> float:
    """Gated loudness of some stretches `[2, n]` together; `SILENCE_LUFS` when nothing sounds."""
    state = pyebur128.R128State(2, rate_hz, pyebur128.MeasurementMode.MODE_I)
    for stretch in stretches:
        state.add_frames(np.ascontiguousarray(stretch.T, dtype=np.float32).reshape(-1), stretch.shape[1])
    loudness = pyebur128.get_loudness_global(state)
    return float(loudness) if math.isfinite(loudness) and loudness > SILENCE_LUFS else SILENCE_LUFS
