"""Slow oscillators: their phase is carried from sample to sample, so that their rate may move."""

from __future__ import annotations

import math

from numba import njit

_EDGE = 0.04
"""Share of a period that the edges of square and saw take, so that they do not click."""


@njit(cache=True, nogil=True)
def wave(shape, phase):  # type: ignore[no-untyped-def]
    """−1…1 for a phase in periods; shapes: 0 sine, 1 triangle, 2 square, 3 falling saw."""
    phase -= math.floor(phase)
    if shape == 0:
        return math.sin(2.0 * math.pi * phase)
    if shape == 1:
        return 4.0 * phase if phase < 0.25 else (2.0 - 4.0 * phase if phase < 0.75 else 4.0 * phase - 4.0)
    if shape == 2:
        slope = min(phase, abs(phase - 0.5), 1.0 - phase) / (0.5 * _EDGE)
        return min(slope, 1.0) if phase < 0.5 else -min(slope, 1.0)
    if phase < _EDGE:
        return 2.0 * phase / _EDGE - 1.0
    return 1.0 - 2.0 * (phase - _EDGE) / (1.0 - _EDGE)
