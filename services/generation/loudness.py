"""Gated loudness of a stream (ITU-R BS.1770-4, EBU R 128).

A kernel of our own that agrees with libebur128: the binding to that one holds Python's lock while it listens, and here
several threads listen at once.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from services.shared.kernels import kernel

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

SILENCE_LUFS = -70.0
"""What silence reads: the absolute gate, below which nothing counts."""

_OFFSET_LUFS = -0.691
_HOPS_PER_BLOCK = 4
_HOPS_PER_SECOND = 10
_RELATIVE_GATE = 0.1
# The weighting is published for 48 kHz alone; these are the analogue shelf and high-pass behind it (De Man, "Evaluation
# of Implementations of the EBU R128 Loudness Measurement", AES 145, 2018).
_SHELF_HZ, _SHELF_DB, _SHELF_Q = 1_681.974450955533, 3.999843853973347, 0.7071752369554196
_SHELF_BEND = 0.4996667741545416
_CUT_HZ, _CUT_Q = 38.13547087602444, 0.5003270373238773


@lru_cache(maxsize=8)
def _weighting(rate_hz: int) -> Float64:
    """The two sections of the K weighting, `[2, 5]`: b0, b1, b2, a1, a2."""
    k = math.tan(math.pi * _SHELF_HZ / rate_hz)
    high = math.pow(10.0, _SHELF_DB / 20.0)
    band = math.pow(high, _SHELF_BEND)
    a0 = 1.0 + k / _SHELF_Q + k * k
    shelf = (
        (high + band * k / _SHELF_Q + k * k) / a0,
        2.0 * (k * k - high) / a0,
        (high - band * k / _SHELF_Q + k * k) / a0,
        2.0 * (k * k - 1.0) / a0,
        (1.0 - k / _SHELF_Q + k * k) / a0,
    )
    k = math.tan(math.pi * _CUT_HZ / rate_hz)
    a0 = 1.0 + k / _CUT_Q + k * k
    cut = (1.0, -2.0, 1.0, 2.0 * (k * k - 1.0) / a0, (1.0 - k / _CUT_Q + k * k) / a0)
    return np.array([shelf, cut], np.float64)


@kernel(fastmath={"contract"})
def _weigh(audio, c, state, powers, place, hop):  # type: ignore[no-untyped-def]
    """Add the weighted power of `audio [2, n]` to `powers`, hop after hop, from frame `place` of the first hop on."""
    b0, b1, b2, a1, a2 = c[0, 0], c[0, 1], c[0, 2], c[0, 3], c[0, 4]
    d1, e1, e2 = c[1, 1], c[1, 3], c[1, 4]
    l1, l2, l3, l4 = state[0, 0], state[0, 1], state[0, 2], state[0, 3]
    r1, r2, r3, r4 = state[1, 0], state[1, 1], state[1, 2], state[1, 3]
    done = 0
    while done < audio.shape[1]:
        index = place // hop
        frames = min(audio.shape[1] - done, (index + 1) * hop - place)
        left, right = audio[0, done : done + frames], audio[1, done : done + frames]
        total = 0.0
        for i in range(frames):
            x = np.float64(left[i])
            y = b0 * x + l1
            l1 = b1 * x - a1 * y + l2
            l2 = b2 * x - a2 * y
            z = y + l3
            l3 = d1 * y - e1 * z + l4
            l4 = y - e2 * z
            x = np.float64(right[i])
            y = b0 * x + r1
            r1 = b1 * x - a1 * y + r2
            r2 = b2 * x - a2 * y
            w = y + r3
            r3 = d1 * y - e1 * w + r4
            r4 = y - e2 * w
            total += z * z + w * w
        powers[index] += total
        place += frames
        done += frames
    state[0, 0], state[0, 1], state[0, 2], state[0, 3] = l1, l2, l3, l4
    state[1, 0], state[1, 1], state[1, 2], state[1, 3] = r1, r2, r3, r4


class Loudness:
    """Integrated loudness of two channels so far."""

    def __init__(self, rate_hz: int) -> None:
        self._weighting = _weighting(rate_hz)
        self._hop = (rate_hz + _HOPS_PER_SECOND // 2) // _HOPS_PER_SECOND
        self._state = np.zeros((2, 4), np.float64)
        # Finished hops, then the one that is being filled, with how many frames it has.
        self._powers = [0.0]
        self._place = 0

    def add(self, audio: Float32) -> None:
        """Take the next frames, contiguous `[2, n]`."""
        end = self._place + audio.shape[1]
        powers = np.zeros(end // self._hop + 1, np.float64)
        _weigh(audio, self._weighting, self._state, powers, self._place, self._hop)
        powers[0] += self._powers.pop()
        self._powers += powers.tolist()
        self._place = end % self._hop

    def result(self) -> float:
        """LUFS; `SILENCE_LUFS` where nothing sounds, or for less than a block of 0.4 s."""
        hops = self._powers[:-1]
        if len(hops) < _HOPS_PER_BLOCK:
            return SILENCE_LUFS
        blocks = np.convolve(hops, np.full(_HOPS_PER_BLOCK, 1.0 / (_HOPS_PER_BLOCK * self._hop)), "valid")
        blocks = blocks[blocks >= math.pow(10.0, (SILENCE_LUFS - _OFFSET_LUFS) / 10.0)]
        if not len(blocks):
            return SILENCE_LUFS
        loud = blocks[blocks >= _RELATIVE_GATE * blocks.mean()]
        return max(_OFFSET_LUFS + 10.0 * math.log10(float(loud.mean())), SILENCE_LUFS)
