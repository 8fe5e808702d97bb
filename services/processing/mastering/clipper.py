"""A soft clipper that rounds the tops of drums before the limiter has to duck the whole song for them.

It works on four points a sample, so that the harmonics that it makes stay below half the sample rate instead of being
mirrored into the song. Only what is taken away is filtered back: where nothing is above the knee, every sample passes
bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.processing.analysis.true_peak import HALF_TAPS, interpolation_filter

Float64 = NDArray[np.float64]

_POINTS: Final = 4
# The curve leaves the straight line this far below its highest value (3 dB).
KNEE: Final = 0.7079


@njit(cache=True, nogil=True, fastmath=True)
def _clip(signal, taps, top, knee, correction):  # type: ignore[no-untyped-def]
    """Add what the clipper takes off `signal` to `correction`, for the intervals that see all their neighbours.

    Interval i lies between samples i and i + 1; the last one that could be seen is left to the next call.
    """
    samples = signal.shape[0]
    points = taps.shape[0] + 1
    width = taps.shape[1]
    lead = width // 2 - 1
    room = top - knee
    for i in range(lead, samples - width + lead):
        # Only where the surroundings are high can a point between two samples be above the knee.
        near = max(abs(signal[i]), abs(signal[i + 1]))
        if near < 0.5 * knee:
            continue
        for p in range(points):
            if p == 0:
                value = signal[i]
            else:
                value = 0.0
                for k in range(width):
                    value += taps[p - 1, k] * signal[i - lead + k]
            height = abs(value)
            if height <= knee:
                continue
            excess = height - (knee + room * np.tanh((height - knee) / room))
            share = (excess if value > 0.0 else -excess) / points
            if p == 0:
                correction[i] -= share
            else:
                for k in range(width):
                    correction[i - lead + k] -= taps[p - 1, k] * share


class Clipper:
    """Clips each channel of a stream of blocks `[n, channels]` softly below `top` (linear, more than 0)."""

    def __init__(self, top: float, channels: int) -> None:
        self._top = top
        self._channels = channels
        self._taps = interpolation_filter(_POINTS).astype(np.float64)

    def run(self, source: Iterable[Float64]) -> Iterator[Float64]:
        """The whole stream, clipped, aligned with its input and of the same length."""
        # Each sample is touched by the intervals up to 32 samples away, and each of these sees 32 further.
        margin = 2 * HALF_TAPS
        signal = np.zeros((self._channels, margin))
        correction = np.zeros((self._channels, margin))
        skip = margin
        for block in source:
            signal, correction, made = self._step(signal, correction, block)
            yield made[skip:]
            skip = max(0, skip - len(made))
        _, _, made = self._step(signal, correction, np.zeros((margin, self._channels)))
        yield made[skip:]

    def _step(self, signal: Float64, correction: Float64, block: Float64) -> tuple[Float64, Float64, Float64]:
        """Take a block; answers what is kept of signal and corrections, and as many finished samples."""
        size = len(block)
        signal = np.concatenate([signal, block.T], axis=1)
        correction = np.concatenate([correction, np.zeros((self._channels, size))], axis=1)
        for channel in range(self._channels):
            _clip(signal[channel], self._taps, self._top, self._top * KNEE, correction[channel])
        made = (signal[:, :size] + correction[:, :size]).T
        return signal[:, size:], correction[:, size:], np.ascontiguousarray(made)
