"""Second-order filters in series, streaming: the equaliser of a channel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

BUTTERWORTH_Q = math.sqrt(0.5)
_LOWEST_HZ = 5.0


@dataclass(frozen=True, slots=True)
class Biquad:
    """Normalised coefficients (a0 = 1) of one section."""

    b0: float
    b1: float
    b2: float
    a1: float
    a2: float


def _section(b: tuple[float, float, float], a: tuple[float, float, float]) -> Biquad:
    return Biquad(b[0] / a[0], b[1] / a[0], b[2] / a[0], a[1] / a[0], a[2] / a[0])


def _angle(frequency_hz: float, q: float, rate_hz: int) -> tuple[float, float]:
    w = 2.0 * math.pi * min(max(frequency_hz, _LOWEST_HZ), 0.45 * rate_hz) / rate_hz
    return math.cos(w), math.sin(w) / (2.0 * q)


# Formulas: Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".


def low_cut(frequency_hz: float, rate_hz: int, q: float = BUTTERWORTH_Q) -> Biquad:
    """High-pass, 12 dB per octave."""
    cos, alpha = _angle(frequency_hz, q, rate_hz)
    return _section(((1 + cos) / 2, -(1 + cos), (1 + cos) / 2), (1 + alpha, -2 * cos, 1 - alpha))


def high_cut(frequency_hz: float, rate_hz: int, q: float = BUTTERWORTH_Q) -> Biquad:
    """Low-pass, 12 dB per octave."""
    cos, alpha = _angle(frequency_hz, q, rate_hz)
    return _section(((1 - cos) / 2, 1 - cos, (1 - cos) / 2), (1 + alpha, -2 * cos, 1 - alpha))


def bell(frequency_hz: float, gain_db: float, q: float, rate_hz: int) -> Biquad:
    """Boost or cut around a frequency."""
    cos, alpha = _angle(frequency_hz, q, rate_hz)
    amplitude = math.pow(10.0, gain_db / 40.0)
    return _section(
        (1 + alpha * amplitude, -2 * cos, 1 - alpha * amplitude),
        (1 + alpha / amplitude, -2 * cos, 1 - alpha / amplitude),
    )


def high_shelf(frequency_hz: float, gain_db: float, rate_hz: int) -> Biquad:
    """Boost or cut above a frequency."""
    cos, alpha = _angle(frequency_hz, BUTTERWORTH_Q, rate_hz)
    amplitude = math.pow(10.0, gain_db / 40.0)
    root = 2.0 * math.sqrt(amplitude) * alpha
    up, down = amplitude + 1, amplitude - 1
    return _section(
        (
            amplitude * (up + down * cos + root),
            -2 * amplitude * (down + up * cos),
            amplitude * (up + down * cos - root),
        ),
        (up - down * cos + root, 2 * (down - up * cos), up - down * cos - root),
    )


@njit(cache=True, nogil=True, fastmath={"contract"})
def _run(audio, sections, state):  # type: ignore[no-untyped-def]
    """Transposed direct form II, both channels in one loop so that their dependency chains overlap."""
    for k in range(sections.shape[0]):
        b0, b1, b2, a1, a2 = sections[k, 0], sections[k, 1], sections[k, 2], sections[k, 3], sections[k, 4]
        l1, l2, r1, r2 = state[k, 0], state[k, 1], state[k, 2], state[k, 3]
        for i in range(audio.shape[1]):
            x = np.float64(audio[0, i])
            y = b0 * x + l1
            l1 = b1 * x - a1 * y + l2
            l2 = b2 * x - a2 * y
            audio[0, i] = y
            x = np.float64(audio[1, i])
            y = b0 * x + r1
            r1 = b1 * x - a1 * y + r2
            r2 = b2 * x - a2 * y
            audio[1, i] = y
        state[k, 0], state[k, 1], state[k, 2], state[k, 3] = l1, l2, r1, r2


class FilterChain:
    """Sections in series over a stereo stream; no section passes audio through untouched."""

    def __init__(self, sections: Sequence[Biquad]) -> None:
        rows = [(s.b0, s.b1, s.b2, s.a1, s.a2) for s in sections]
        self._sections: Float64 = np.asarray(rows, np.float64).reshape(len(rows), 5)
        self._state: Float64 = np.zeros((len(rows), 4), np.float64)

    def process(self, audio: Float32) -> None:
        """Filter the next block `[2, n]` in place."""
        if len(self._sections):
            _run(audio, self._sections, self._state)
