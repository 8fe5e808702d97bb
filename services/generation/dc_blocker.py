"""Takes the constant part out of a stream of audio: a neural codec may leave one, and files must have none."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

_CUTOFF_HZ = 15.0


class DcBlocker:
    """First-order high-pass at 15 Hz over blocks `[n, channels]`, y[n] = x[n] − x[n−1] + r · y[n−1];

    keeps its state.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._feedback = math.exp(-2.0 * math.pi * _CUTOFF_HZ / sample_rate)
        self._state = np.zeros((1, channels))

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Filter the next block; as long as the input."""
        if not len(block):
            return block
        out, self._state = lfilter([1.0, -1.0], [1.0, -self._feedback], block, axis=0, zi=self._state)
        return np.asarray(out, np.float32)
