"""Logarithm and exponential for whole blocks: no calls and no branches, so that the compiler uses vector instructions.

Within 1e-12 of the library's; the same on every block, whatever its length.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

_MANTISSA: Final = (1 << 52) - 1
_ONE: Final = 1023 << 52
_SHIFT: Final = 52
_BIAS: Final = 1023
_LOG2_OF_10: Final = math.log2(10.0)
_DB: Final = 10.0 / _LOG2_OF_10
_DB_EXPONENT: Final = _LOG2_OF_10 / 20.0
_ROUND: Final = 6_755_399_441_055_744.0  # 1.5 · 2⁵²: adding it rounds to a whole number
_TINY: Final = 1e-12
_LN2: Final = math.log(2.0)
_ATANH: Final = 2.0 / _LN2


@njit(cache=True, nogil=True)
def powers_to_db(powers, out):  # type: ignore[no-untyped-def]
    """10·log10 of each power, at least −120 dB. `out` may be `powers`.

    log2 m = 2/ln 2 · artanh((m − 1)/(m + 1)) for the mantissa, moved to √½…√2 (Abramowitz and Stegun 4.1.27).
    """
    for i in range(powers.shape[0]):
        out[i] = max(powers[i], _TINY)
    bits = out.view(np.int64)
    mantissas = np.empty(powers.shape[0])
    parts = mantissas.view(np.int64)
    for i in range(bits.shape[0]):
        parts[i] = (bits[i] & _MANTISSA) | _ONE
    for i in range(bits.shape[0]):
        m = mantissas[i]
        high = m > 1.4142135623730951
        e = np.float64((bits[i] >> _SHIFT) - _BIAS) + (1.0 if high else 0.0)
        m = m * (0.5 if high else 1.0)
        s = (m - 1.0) / (m + 1.0)
        y = s * s
        series = 1.0 + y * (1 / 3 + y * (1 / 5 + y * (1 / 7 + y * (1 / 9 + y * (1 / 11 + y * (1 / 13 + y / 15))))))
        out[i] = _DB * (e + _ATANH * s * series)


@njit(cache=True, nogil=True)
def db_to_factors(levels, out):  # type: ignore[no-untyped-def]
    """10^(dB/20) for −1,000…1,000 dB; exactly one for 0. `out` may be `levels`."""
    wholes = np.empty(levels.shape[0], np.int64)
    for i in range(levels.shape[0]):
        x = levels[i] * _DB_EXPONENT
        whole = (x + _ROUND) - _ROUND
        wholes[i] = (np.int64(whole) + _BIAS) << _SHIFT
        # e^f for |f| ≤ ln 2 / 2 by Taylor's series.
        f = (x - whole) * _LN2
        series = 1 / 5_040 + f * (1 / 40_320 + f * (1 / 362_880 + f * (1 / 3_628_800 + f / 39_916_800)))
        out[i] = 1.0 + f * (1.0 + f * (1 / 2 + f * (1 / 6 + f * (1 / 24 + f * (1 / 120 + f * (1 / 720 + f * series))))))
    scales = wholes.view(np.float64)
    for i in range(levels.shape[0]):
        out[i] *= scales[i]
