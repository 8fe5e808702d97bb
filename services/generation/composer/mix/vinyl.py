"""The surface of an old record: soft hiss and a crackle now and then, the same for the same seed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from services.shared.kernels import kernel

Float32 = NDArray[np.float32]

_CRACKLES_PER_SECOND = 9.0
_HISS_CUT_HZ = 5_500.0
_RUMBLE_CUT_HZ = 400.0
# How far crackles stand out of the hiss.
_CRACKLE_LEVEL = 6.0
_CRACKLE_DECAY_SECONDS = 0.0004
# What brings the filtered sum of hiss and crackles to an RMS of one.
_CALIBRATION = 3.9


@kernel
def _next(state):  # type: ignore[no-untyped-def]
    """xorshift64 (Marsaglia, "Xorshift RNGs", 2003) as a number in [0, 1)."""
    x = state[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    state[0] = x
    return np.float64(x >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@kernel
def _surface(out, random, memory, level, chance, decay, high, low):  # type: ignore[no-untyped-def]
    for i in range(out.shape[1]):
        for c in range(2):
            hiss = _next(random) + _next(random) - 1.0
            if _next(random) < chance:
                height = _next(random)
                memory[c, 2] += _CRACKLE_LEVEL * height * height * (1.0 if _next(random) < 0.5 else -1.0)
            memory[c, 2] *= decay
            memory[c, 0] += (hiss + memory[c, 2] - memory[c, 0]) * high
            memory[c, 1] += (memory[c, 0] - memory[c, 1]) * low
            out[c, i] += np.float32((memory[c, 0] - memory[c, 1]) * level)


class Vinyl:
    """Adds the noise of a record at about `level_db` (RMS, dBFS)."""

    def __init__(self, level_db: float, seed: int, rate_hz: int) -> None:
        # Any odd multiplier spreads small seeds; zero is the one state that xorshift must not have.
        self._random = np.array([(seed * 0x9E3779B97F4A7C15 + 0x1234567) % 2**64 | 1], np.uint64)
        self._memory = np.zeros((2, 3), np.float64)
        self._chance = _CRACKLES_PER_SECOND / rate_hz / 2.0
        self._decay = math.exp(-1.0 / (_CRACKLE_DECAY_SECONDS * rate_hz))
        self._high = 1.0 - math.exp(-2.0 * math.pi * _HISS_CUT_HZ / rate_hz)
        self._low = 1.0 - math.exp(-2.0 * math.pi * _RUMBLE_CUT_HZ / rate_hz)
        self._level = math.pow(10.0, level_db / 20.0) * _CALIBRATION

    def process(self, out: Float32) -> None:
        """Add the next block to `out [2, n]`."""
        _surface(out, self._random, self._memory, self._level, self._chance, self._decay, self._high, self._low)
