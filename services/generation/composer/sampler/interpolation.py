"""Band-limited interpolation: how a voice reads a sample between two of its frames."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

HALF_TAPS = 4
"""Frames that the interpolation reads on each side of a position."""

GUARD = 16
"""Frames of padding at both ends of a sample; covers the taps and the largest step of a voice."""

PHASES = 2048
"""Positions between two frames that the table knows; a power of two."""

_KAISER_BETA = 5.5
_CUTOFF = 0.94


@lru_cache(maxsize=1)
def interpolation_table() -> NDArray[np.float32]:
    """Kaiser-windowed sinc for each of `PHASES` positions between two frames; `[PHASES, 2 * HALF_TAPS]`.

    Row r stands for the middle of its interval, (r + ½) / PHASES after the fourth tap. Each row sums to one, so a
    constant stays exact. See Smith, "Digital Audio Resampling" (windowed-sinc interpolation).
    """
    offsets = np.arange(-HALF_TAPS + 1, HALF_TAPS + 1, dtype=np.float64)
    distance = (np.arange(PHASES, dtype=np.float64)[:, None] + 0.5) / PHASES - offsets[None, :]
    window = np.i0(_KAISER_BETA * np.sqrt(np.maximum(0.0, 1.0 - (distance / HALF_TAPS) ** 2)))
    taps = np.sinc(_CUTOFF * distance) * window
    table: NDArray[np.float32] = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    return table
