"""How a parameter moves over time: its value at every single sample, whatever the blocks.

A curve is a pure function of the sample's number, so a mix can be rendered from anywhere and in any blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.processing.mixing.session import AUTOMATION_CURVES, Point

_LINEAR: Final = AUTOMATION_CURVES.index("linear")
_EXPONENTIAL: Final = AUTOMATION_CURVES.index("exponential")
_BEZIER: Final = AUTOMATION_CURVES.index("bezier")
_HALVINGS: Final = 60
_CELL: Final = 64


@njit(cache=True, nogil=True)
def _bezier(x1, y1, x2, y2, wanted):  # type: ignore[no-untyped-def]
    """y of the cubic Bézier curve (0,0) (x1,y1) (x2,y2) (1,1) where its x is `wanted`; Newton, else bisection."""
    low, high, t = 0.0, 1.0, wanted
    for _ in range(_HALVINGS):
        s = 1.0 - t
        x = 3.0 * s * s * t * x1 + 3.0 * s * t * t * x2 + t * t * t - wanted
        if abs(x) < 1e-14:
            break
        if x > 0.0:
            high = t
        else:
            low = t
        slope = 3.0 * s * s * x1 + 6.0 * s * t * (x2 - x1) + 3.0 * t * t * (1.0 - x2)
        step = t - x / slope if slope > 1e-9 else -1.0
        t = step if low < step < high else 0.5 * (low + high)
    s = 1.0 - t
    return 3.0 * s * s * t * y1 + 3.0 * s * t * t * y2 + t * t * t


@njit(cache=True, nogil=True)
def _trace(out, start, times, values, kinds, handles):  # type: ignore[no-untyped-def]
    last = times.shape[0] - 1
    k, last_exponential, value, growth = 0, -1, 0.0, 1.0
    for i in range(out.shape[0]):
        t = start + i
        while k < last and times[k + 1] <= t:
            k += 1
        if t < times[0] or k == last:
            out[i] = values[k]
            continue
        a, b = values[k], values[k + 1]
        u = (t - times[k]) / (times[k + 1] - times[k])
        if kinds[k] == _LINEAR:
            out[i] = a + (b - a) * u
        elif kinds[k] == _EXPONENTIAL:
            # Powers are dear: one for each cell of a fixed grid, and products within it, always the same ones.
            if i == 0 or t == times[k] or t % _CELL == 0 or k != last_exponential:
                last_exponential = k
                begin = max(t - t % _CELL, math.ceil(times[k]))
                value = a * math.pow(b / a, (begin - times[k]) / (times[k + 1] - times[k]))
                growth = math.pow(b / a, 1.0 / (times[k + 1] - times[k]))
                for _ in range(int(t - begin)):
                    value *= growth
            else:
                value *= growth
            out[i] = value
        elif kinds[k] == _BEZIER:
            out[i] = a + (b - a) * _bezier(handles[k, 0], handles[k, 1], handles[k, 2], handles[k, 3], u)
        else:
            out[i] = a


class Curve:
    """One parameter over the whole song. `moves` is False when it always has one value."""

    def __init__(self, points: Sequence[Point], rate_hz: int) -> None:
        self._times = np.array([point.time * rate_hz for point in points])
        self._values = np.array([float(point.value) for point in points])
        self._kinds = np.array([AUTOMATION_CURVES.index(point.curve) for point in points], np.int64)
        self._handles = np.array([point.bezier or (0.0, 0.0, 1.0, 1.0) for point in points])
        self.moves: Final = bool(np.any(self._values != self._values[0]))

    @classmethod
    def constant(cls, value: float) -> Curve:
        """A parameter that stays."""
        return cls([Point(time=0.0, value=value)], 1)

    @property
    def first(self) -> float:
        """The value at the beginning."""
        return float(self._values[0])

    def trace(self, out: NDArray[np.float64], start: int) -> None:
        """Write the values at the samples `start`, `start` + 1, … into `out [n]`."""
        if self.moves:
            _trace(out, float(start), self._times, self._values, self._kinds, self._handles)
        else:
            out.fill(self.first)

    def at(self, start: int, frames: int) -> NDArray[np.float64]:
        """The same as a new array `[frames]`."""
        out = np.empty(frames)
        self.trace(out, start)
        return out
