"""The bus compressor: one gain for all channels, feed-forward in decibels with a soft knee.

After Giannoulis, Massberg and Reiss, "Digital Dynamic Range Compressor Design", JAES 60 (2012): the static curve with
a quadratic knee, then a smooth, branching peak detector on the gain.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.processing.mastering.presets import Glue

Float64 = NDArray[np.float64]

# Level is the power of the last 10 ms above this frequency: a bass note alone does not pump the whole mix.
_LEVEL_SECONDS: Final = 0.010
_SIDECHAIN_HZ: Final = 90.0
# The gain is computed so many times a second and runs in straight lines between.
_STEPS_PER_SECOND: Final = 2_000


def gain_db(level_db: float, threshold_db: float, ratio: float, knee_db: float) -> float:
    """The static curve: how much a constant level is turned down, in dB (0 or below)."""
    over = level_db - threshold_db
    slope = 1.0 / ratio - 1.0
    if 2.0 * over <= -knee_db:
        return 0.0
    if 2.0 * over < knee_db:
        return slope * (over + knee_db / 2.0) ** 2 / (2.0 * knee_db)
    return slope * over


_gain_db = njit(cache=True, nogil=True)(gain_db)


@njit(cache=True, nogil=True)
def _compress(block, low_rate, state, step, rates, threshold_db, ratio, knee_db):  # type: ignore[no-untyped-def]
    """Turn `block` `[n, channels]` down in place; answers the lowest gain in dB.

    `low_rate` and `rates` (level, attack, release) are one-pole factors; `state` holds power, the gain in dB, the
    linear gain, its slope, the samples left of the running step, and then each channel's sidechain low pass.
    """
    samples, channels = block.shape
    power, gain, linear, slope, left = state[0], state[1], state[2], state[3], state[4]
    level_rate, attack, release = rates
    lowest = gain
    for i in range(samples):
        heard = 0.0
        for c in range(channels):
            low = state[5 + c]
            low += low_rate * (block[i, c] - low)
            state[5 + c] = low
            high = block[i, c] - low
            heard += high * high
        power += level_rate * (heard / channels - power)
        if left <= 0.0:
            level_db = 10.0 * math.log10(power + 1e-12)
            wanted = _gain_db(level_db, threshold_db, ratio, knee_db)
            gain += (attack if wanted < gain else release) * (wanted - gain)
            lowest = min(lowest, gain)
            slope = (10.0 ** (gain / 20.0) - linear) / step
            left = step
        linear += slope
        left -= 1.0
        for c in range(channels):
            block[i, c] *= linear
    state[0], state[1], state[2], state[3], state[4] = power, gain, linear, slope, left
    return lowest


class Compressor:
    """Compresses a stream of blocks; `threshold_db` is an RMS level in dBFS."""

    def __init__(self, glue: Glue, threshold_db: float, sample_rate_hz: int, channels: int) -> None:
        self._step = float(max(1, sample_rate_hz // _STEPS_PER_SECOND))
        steps = sample_rate_hz / self._step
        self._rates = (
            1.0 - math.exp(-1.0 / (_LEVEL_SECONDS * sample_rate_hz)),
            1.0 - math.exp(-1000.0 / (glue.attack_ms * steps)),
            1.0 - math.exp(-1000.0 / (glue.release_ms * steps)),
        )
        self._low = 1.0 - math.exp(-2.0 * math.pi * _SIDECHAIN_HZ / sample_rate_hz)
        self._static = (threshold_db, glue.ratio, glue.knee_db)
        self._state = np.zeros(5 + channels)
        self._state[2] = 1.0
        self.deepest_db = 0.0

    def process(self, block: Float64) -> Float64:
        """The next samples, `[n, channels]`; `deepest_db` keeps the lowest gain so far."""
        made = np.ascontiguousarray(block, dtype=np.float64)
        if made is block:
            made = block.copy()
        lowest = _compress(made, self._low, self._state, self._step, self._rates, *self._static)
        self.deepest_db = min(self.deepest_db, float(lowest))
        return made
