"""Second-order filters in series, streaming: the equaliser of a channel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.shared.kernels import kernel

Float32 = NDArray[np.float32]

BUTTERWORTH_Q = math.sqrt(0.5)
_LOWEST_HZ = 5.0
# A section that changes nothing: they are run two or four at a time.
_OPEN = (1.0, 0.0, 0.0, 0.0, 0.0)


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


def low_shelf(frequency_hz: float, gain_db: float, rate_hz: int) -> Biquad:
    """Boost or cut below a frequency."""
    cos, alpha = _angle(frequency_hz, BUTTERWORTH_Q, rate_hz)
    amplitude = math.pow(10.0, gain_db / 40.0)
    root = 2.0 * math.sqrt(amplitude) * alpha
    up, down = amplitude + 1, amplitude - 1
    return _section(
        (
            amplitude * (up - down * cos + root),
            2 * amplitude * (down - up * cos),
            amplitude * (up - down * cos - root),
        ),
        (up + down * cos + root, -2 * (down + up * cos), up + down * cos - root),
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


@kernel(fastmath={"contract"})
def _step(x, c, first, second):  # type: ignore[no-untyped-def]
    """One frame through one section (transposed direct form II): the output and the section's two next states."""
    y = c[0] * x + first
    return y, c[1] * x - c[3] * y + second, c[2] * x - c[4] * y


@kernel(fastmath={"contract"})
def _run_two(audio, sections, state):  # type: ignore[no-untyped-def]
    """Two sections and both channels in one loop, so that their chains of dependent results overlap."""
    c = (sections[0, 0], sections[0, 1], sections[0, 2], sections[0, 3], sections[0, 4])
    d = (sections[1, 0], sections[1, 1], sections[1, 2], sections[1, 3], sections[1, 4])
    l1, l2, r1, r2 = state[0, 0], state[0, 1], state[0, 2], state[0, 3]
    l3, l4, r3, r4 = state[1, 0], state[1, 1], state[1, 2], state[1, 3]
    left, right = audio[0], audio[1]
    for i in range(audio.shape[1]):
        y, l1, l2 = _step(np.float64(left[i]), c, l1, l2)
        z, r1, r2 = _step(np.float64(right[i]), c, r1, r2)
        y, l3, l4 = _step(y, d, l3, l4)
        z, r3, r4 = _step(z, d, r3, r4)
        left[i], right[i] = y, z
    state[0, 0], state[0, 1], state[0, 2], state[0, 3] = l1, l2, r1, r2
    state[1, 0], state[1, 1], state[1, 2], state[1, 3] = l3, l4, r3, r4


@kernel(fastmath={"contract"})
def _run_four(audio, sections, state):  # type: ignore[no-untyped-def]
    """The same with four sections, which take little longer than two: more results wait side by side."""
    c = (sections[0, 0], sections[0, 1], sections[0, 2], sections[0, 3], sections[0, 4])
    d = (sections[1, 0], sections[1, 1], sections[1, 2], sections[1, 3], sections[1, 4])
    e = (sections[2, 0], sections[2, 1], sections[2, 2], sections[2, 3], sections[2, 4])
    f = (sections[3, 0], sections[3, 1], sections[3, 2], sections[3, 3], sections[3, 4])
    l1, l2, r1, r2 = state[0, 0], state[0, 1], state[0, 2], state[0, 3]
    l3, l4, r3, r4 = state[1, 0], state[1, 1], state[1, 2], state[1, 3]
    l5, l6, r5, r6 = state[2, 0], state[2, 1], state[2, 2], state[2, 3]
    l7, l8, r7, r8 = state[3, 0], state[3, 1], state[3, 2], state[3, 3]
    left, right = audio[0], audio[1]
    for i in range(audio.shape[1]):
        y, l1, l2 = _step(np.float64(left[i]), c, l1, l2)
        z, r1, r2 = _step(np.float64(right[i]), c, r1, r2)
        y, l3, l4 = _step(y, d, l3, l4)
        z, r3, r4 = _step(z, d, r3, r4)
        y, l5, l6 = _step(y, e, l5, l6)
        z, r5, r6 = _step(z, e, r5, r6)
        y, l7, l8 = _step(y, f, l7, l8)
        z, r7, r8 = _step(z, f, r7, r8)
        left[i], right[i] = y, z
    state[0, 0], state[0, 1], state[0, 2], state[0, 3] = l1, l2, r1, r2
    state[1, 0], state[1, 1], state[1, 2], state[1, 3] = l3, l4, r3, r4
    state[2, 0], state[2, 1], state[2, 2], state[2, 3] = l5, l6, r5, r6
    state[3, 0], state[3, 1], state[3, 2], state[3, 3] = l7, l8, r7, r8


class FilterChain:
    """Sections in series over a stereo stream; no section passes audio through untouched."""

    def __init__(self, sections: Sequence[Biquad]) -> None:
        rows = [(s.b0, s.b1, s.b2, s.a1, s.a2) for s in sections]
        if len(rows) % 2:
            rows.append(_OPEN)
        # Four at a time, and two for a rest of one or two.
        runs = [rows[start : start + 4] for start in range(0, len(rows), 4)]
        self._runs = [
            (_run_two if len(run) == 2 else _run_four, np.array(run), np.zeros((len(run), 4))) for run in runs
        ]

    def process(self, audio: Float32) -> None:
        """Filter the next block `[2, n]` in place."""
        for run, sections, state in self._runs:
            run(audio, sections, state)

    def reset(self) -> None:
        """Forget what has passed."""
        for _, _, state in self._runs:
            state[:] = 0.0
