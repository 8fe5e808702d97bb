"""The K-weighting of ITU-R BS.1770-5 as two biquads, for any sample rate, and the energy that it leaves.

The standard gives coefficients for 48 kHz only. These are its filters seen as analogue ones and brought to the
sample rate by the bilinear transform (B. De Man, "Evaluation of Implementations of the EBU R128 Loudness
Measurement", AES 145, 2018); at 48 kHz they are the standard's own to nine digits.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

# The head's shelf: corner, gain in dB, quality; then the high pass of the revised low-frequency B curve.
_SHELF: Final = (1_681.974450955533, 3.999843853973347, 0.7071752369554196)
_SHELF_SLOPE: Final = 0.4996667741545416
_HIGH_PASS: Final = (38.13547087602444, 0.5003270373238773)


def coefficients(sample_rate_hz: int) -> Float64:
    """Both filters as `[2, 5]`: b0, b1, b2, a1, a2."""
    corner, gain_db, quality = _SHELF
    k = math.tan(math.pi * min(corner, 0.49 * sample_rate_hz) / sample_rate_hz)
    high = 10.0 ** (gain_db / 20.0)
    middle = high**_SHELF_SLOPE
    a0 = 1.0 + k / quality + k * k
    shelf = (
        (high + middle * k / quality + k * k) / a0,
        2.0 * (k * k - high) / a0,
        (high - middle * k / quality + k * k) / a0,
        2.0 * (k * k - 1.0) / a0,
        (1.0 - k / quality + k * k) / a0,
    )
    corner, quality = _HIGH_PASS
    k = math.tan(math.pi * corner / sample_rate_hz)
    a0 = 1.0 + k / quality + k * k
    high_pass = (1.0, -2.0, 1.0, 2.0 * (k * k - 1.0) / a0, (1.0 - k / quality + k * k) / a0)
    return np.array([shelf, high_pass], dtype=np.float64)


@njit(cache=True, nogil=True)
def weigh(block, filters, weights, state, cursor, bounds, energies):  # type: ignore[no-untyped-def]
    """Filter `block` `[n, channels]` and add the weighted squares to the hop that each sample falls into.

    `state` `[channels, 4]` carries the filters over, `cursor` is the number of the block's first sample, `bounds` the
    numbers of the samples at which hops end, first the running one's; `energies` `[len(bounds)]` is added to.
    """
    b0, b1, b2, a1, a2 = filters[0]
    c0, c1, c2, d1, d2 = filters[1]
    samples, channels = block.shape
    for c in range(channels):
        weight = weights[c]
        if weight == 0.0:
            continue
        u1, u2, v1, v2 = state[c]
        hop = 0
        end = bounds[0] - cursor
        total = 0.0
        for i in range(samples):
            while i >= end:
                energies[hop] += weight * total
                total = 0.0
                hop += 1
                end = bounds[hop] - cursor
            x = block[i, c]
            y = b0 * x + u1
            u1 = b1 * x - a1 * y + u2
            u2 = b2 * x - a2 * y
            z = c0 * y + v1
            v1 = c1 * y - d1 * z + v2
            v2 = c2 * y - d2 * z
            total += z * z
        energies[hop] += weight * total
        # A tail that decays for ever would end in denormals, which are slow.
        state[c, 0] = u1 if abs(u1) > 1e-30 else 0.0
        state[c, 1] = u2 if abs(u2) > 1e-30 else 0.0
        state[c, 2] = v1 if abs(v1) > 1e-30 else 0.0
        state[c, 3] = v2 if abs(v2) > 1e-30 else 0.0


def channel_weights(channels: int) -> Float64:
    """Weights by position (BS.1770-5, table 3): the surrounds of 5.0 and 5.1 count 1.41, the low-frequency channel 0.

    Five channels are left, right, centre and two surrounds; six have the low-frequency channel fourth, as in a WAV
    file. Other counts are weighted alike.
    """
    if channels == 5:
        return np.array([1.0, 1.0, 1.0, 1.41, 1.41])
    if channels == 6:
        return np.array([1.0, 1.0, 1.0, 0.0, 1.41, 1.41])
    return np.ones(channels)
