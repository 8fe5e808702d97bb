"""The stereo image: width, and lows folded into the middle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.processing.mastering.presets import Filter
from services.processing.mastering.tone import Tone

Float64 = NDArray[np.float64]

# Two equal second-order cuts make a fourth-order Linkwitz-Riley slope.
_SLOPES = 2


class Image:
    """Scales the side and takes its lows away. Mono and neutral settings pass untouched, bit for bit."""

    def __init__(self, width: float, mono_below_hz: float, sample_rate_hz: int, channels: int) -> None:
        self._width = width
        cuts = [Filter("low_cut", mono_below_hz)] * _SLOPES if mono_below_hz else []
        self._cut = Tone(cuts, sample_rate_hz, 1)
        self._active = channels == 2 and (width != 1.0 or bool(cuts))

    def process(self, block: Float64) -> Float64:
        """The next samples, `[n, channels]`."""
        if not self._active or not len(block):
            return block
        middle = (block[:, 0] + block[:, 1]) * 0.5
        side = (block[:, 0] - block[:, 1]) * (0.5 * self._width)
        side = self._cut.process(side[:, None])[:, 0]
        return np.stack([middle + side, middle - side], axis=1)
