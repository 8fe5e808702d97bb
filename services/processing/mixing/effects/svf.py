"""Filters whose cutoff may move at every sample: state-variable sections with trapezoidal integration.

Simper, "Solving the continuous SVF equations using trapezoidal integration and equivalent currents" (Cytomic, 2013).
With parameters that rest they have exactly the responses of Bristow-Johnson's cookbook; unlike direct forms they stay
stable and quiet while parameters move.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.catalogue.filters import BAND_SHAPES, BANDS
from services.processing.mixing.effects.processor import Processor, Setting, Switches

BUTTERWORTH_Q: Final = math.sqrt(0.5)

_BELL: Final = BAND_SHAPES.index("bell")
_LOW_SHELF: Final = BAND_SHAPES.index("low_shelf")
_HIGH_SHELF: Final = BAND_SHAPES.index("high_shelf")
_NOTCH: Final = BAND_SHAPES.index("notch")
_LOW_CUT: Final = BAND_SHAPES.index("low_cut")

# The bilinear transform has no place for anything nearer to half of the sample rate.
_HIGHEST: Final = 0.49


@njit(cache=True, nogil=True)
def tangent(x):  # type: ignore[no-untyped-def]
    """tan x for 0 ≤ x < π/2 within 1e-9 of itself: Lambert's continued fraction at x/2, and the double angle."""
    h = 0.5 * x
    y = h * h
    n = h * (135_135.0 + y * (-17_325.0 + y * (378.0 - y)))
    d = 135_135.0 + y * (-62_370.0 + y * (3_150.0 - 28.0 * y))
    return 2.0 * n * d / (d * d - n * n)


@njit(cache=True, nogil=True)
def coefficients(shape, hz, gain_db, q, rate):  # type: ignore[no-untyped-def]
    """a1, a2, a3 of the integrators and m0, m1, m2 of the mix for one section."""
    g = tangent(math.pi * min(hz / rate, _HIGHEST))
    k = 1.0 / q
    m0, m1, m2 = 1.0, 0.0, 0.0
    if shape == _BELL:
        a = 10.0 ** (gain_db / 40.0)
        k = 1.0 / (q * a)
        m1 = k * (a * a - 1.0)
    elif shape == _LOW_SHELF:
        a = 10.0 ** (gain_db / 40.0)
        g = g / math.sqrt(a)
        m1, m2 = k * (a - 1.0), a * a - 1.0
    elif shape == _HIGH_SHELF:
        a = 10.0 ** (gain_db / 40.0)
        g = g * math.sqrt(a)
        m0, m1, m2 = a * a, k * (1.0 - a) * a, 1.0 - a * a
    elif shape == _NOTCH:
        m1 = -k
    elif shape == _LOW_CUT:
        m1, m2 = -k, -1.0
    else:
        m0, m2 = 0.0, 1.0
    a1 = 1.0 / (1.0 + g * (g + k))
    a2 = g * a1
    return a1, a2, g * a2, m0, m1, m2


@njit(cache=True, nogil=True)
def _follow(shape, rows, moving, places, scale, rate, out):  # type: ignore[no-untyped-def]
    """Write the six coefficients of a section at each sample into `out [6, n]`."""
    at_hz, at_gain, at_q = places[0], places[1], places[2]
    if shape > _NOTCH and not moving[at_q]:
        # A cut whose cutoff moves, the common case, needs neither powers nor branches: vector instructions do it.
        k = 1.0 / (rows[at_q, 0] * scale)
        high = shape == _LOW_CUT
        m0, m1, m2 = (1.0, -k, -1.0) if high else (0.0, 0.0, 1.0)
        for i in range(out.shape[1]):
            g = tangent(math.pi * min(rows[at_hz, i] / rate, _HIGHEST))
            a1 = 1.0 / (1.0 + g * (g + k))
            out[0, i], out[1, i], out[2, i] = a1, g * a1, g * (g * a1)
            out[3, i], out[4, i], out[5, i] = m0, m1, m2
        return
    hz, gain, q = -1.0, 0.0, 0.0
    a1 = a2 = a3 = m0 = m1 = m2 = 0.0
    for i in range(out.shape[1]):
        if rows[at_hz, i] != hz or rows[at_gain, i] != gain or rows[at_q, i] != q:
            hz, gain, q = rows[at_hz, i], rows[at_gain, i], rows[at_q, i]
            a1, a2, a3, m0, m1, m2 = coefficients(shape, hz, gain, q * scale, rate)
        out[0, i], out[1, i], out[2, i], out[3, i], out[4, i], out[5, i] = a1, a2, a3, m0, m1, m2


@njit(cache=True, nogil=True, fastmath={"contract"})
def _section(audio, c, state):  # type: ignore[no-untyped-def]
    """One section over both sides; `c [6, n]` holds its coefficients at each sample, or `[6, 1]` those that rest.

    The integrators' next state is written out as a sum of products, which is as short as a recurrence can be.
    """
    step = 1 if c.shape[1] > 1 else 0
    l1, l2, r1, r2 = state[0], state[1], state[2], state[3]
    for i in range(audio.shape[1]):
        j = i * step
        p, q, r = 2.0 * c[0, j] - 1.0, 2.0 * c[1, j], 2.0 * c[2, j]
        half1, half2 = 0.5 * c[4, j], 0.5 * c[5, j]
        x, y = audio[0, i], audio[1, i]
        next1, next2 = p * l1 + (q * x - q * l2), q * l1 + (r * x + (l2 - r * l2))
        audio[0, i] = c[3, j] * x + half1 * (l1 + next1) + half2 * (l2 + next2)
        l1, l2 = next1, next2
        next1, next2 = p * r1 + (q * y - q * r2), q * r1 + (r * y + (r2 - r * r2))
        audio[1, i] = c[3, j] * y + half1 * (r1 + next1) + half2 * (r2 + next2)
        r1, r2 = next1, next2
    state[0], state[1], state[2], state[3] = l1, l2, r1, r2


@njit(cache=True, nogil=True)
def _run(audio, rows, moving, shapes, places, scales, state, rate):  # type: ignore[no-untyped-def]
    for s in range(shapes.shape[0]):
        at_hz, at_gain, at_q = places[s, 0], places[s, 1], places[s, 2]
        # A bell or shelf that always stays at 0 dB does nothing, and is spared.
        if _BELL <= shapes[s] <= _HIGH_SHELF and rows[at_gain, 0] == 0.0 and not moving[at_gain]:
            continue
        moves = moving[at_hz] or moving[at_gain] or moving[at_q]
        followed = np.empty((6, audio.shape[1] if moves else 1))
        _follow(shapes[s], rows, moving, places[s], scales[s], rate, followed)
        _section(audio, followed, state[s])


class _Sections(Processor):
    """Sections in series; `places` says in which rows each finds its frequency, gain and Q."""

    def __init__(
        self, rate_hz: int, shapes: list[int], places: list[tuple[int, int, int]], scales: list[float]
    ) -> None:
        super().__init__()
        self._rate = float(rate_hz)
        self._shapes = np.array(shapes, np.int64)
        self._places = np.array(places, np.int64).reshape(-1, 3)
        self._scales: NDArray[np.float64] = np.array(scales, np.float64)
        self.state = {"sections": np.zeros((len(shapes), 4))}

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Filter the next block."""
        if len(self._shapes) and audio.shape[1]:
            sections = self.state["sections"]
            _run(audio, rows, moving, self._shapes, self._places, self._scales, sections, self._rate)


class Equalizer(_Sections):
    """Six bands in series; those that are off are not there at all."""

    PARAMETERS = tuple(f"band{n}_{what}" for n in range(1, BANDS + 1) for what in ("frequency_hz", "gain_db", "q"))

    def __init__(self, setting: Setting) -> None:
        shapes = [BAND_SHAPES.index(setting.text(f"band{n}_shape")) for n in range(1, BANDS + 1)]
        used = [n for n, shape in enumerate(shapes) if shape]
        places = [(3 * n, 3 * n + 1, 3 * n + 2) for n in used]
        super().__init__(setting.rate_hz, [shapes[n] for n in used], places, [1.0] * len(used))


class _Cut(_Sections):
    """Butterworth sections of 12, 24 or 48 dB an octave; a Q other than 0.7071 lifts or flattens the corner."""

    PARAMETERS = ("frequency_hz", "q")

    def __init__(self, setting: Setting, shape: str) -> None:
        order = int(setting.text("slope")) // 6
        scales = sorted(0.5 / math.cos(math.pi * (2 * n + 1) / (2 * order)) for n in range(order // 2))
        # All but the sharpest section keep their own Q (the scale of a row of ones); that one follows the parameter.
        scales[-1] /= BUTTERWORTH_Q
        places = [(0, 0, 2)] * (len(scales) - 1) + [(0, 0, 1)]
        super().__init__(setting.rate_hz, [BAND_SHAPES.index(shape)] * len(scales), places, scales)

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Filter the next block."""
        ones = np.ones((1, rows.shape[1]))
        super().process(audio, np.concatenate((rows, ones)), np.append(moving, False), key)


class HighPass(_Cut):
    """Takes away the lows."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting, "low_cut")


class LowPass(_Cut):
    """Takes away the highs."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting, "high_cut")
