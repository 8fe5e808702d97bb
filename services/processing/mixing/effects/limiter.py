"""A true-peak limiter that looks ahead: no sample, and nothing between two samples, leaves it above the ceiling.

Peaks are found at eight times the sample rate (ITU-R BS.1770-5 annex 2 asks for four). The gain that a peak needs is
held over the look-ahead (a sliding minimum) and then averaged over the same time, so it is there in time and without
a corner. While nothing is too loud the gain is exactly one.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.effects.processor import Processor, Setting, Switches

_LOOKAHEAD_SECONDS: Final = 0.005
_PHASES: Final = 8
# Taps on each side, about as many as the standard's own filter has.
_REACH: Final = 8
_KAISER: Final = 5.0
_COARSE: Final = 16

# Meters differ near the top of the spectrum, where the moving gain and the points between the eight add a little too:
# what is written stays this much lower, so that each of them agrees.
_MARGIN: Final = 10.0 ** (-0.2 / 20.0)
_NEARLY_ONE: Final = 1.0 - 1e-6
_NEPERS: Final = math.log(10.0) / 20.0

# Places in the vector of scalars: the last peak, the released gain, samples since anything was too loud, the clock,
# where the queue of minima begins and ends.
_PEAK: Final = 0
_RELEASED: Final = 1
_CALM: Final = 2
_CLOCK: Final = 3
_HEAD: Final = 4
_TAIL: Final = 5
_SUM_ONE: Final = 6
_SUM_TWO: Final = 7


def _interpolator() -> NDArray[np.float64]:
    """Windowed sinc at eighths of a sample, `[phase, tap]`; phase 0 is the sample itself."""
    taps = np.arange(-_REACH + 1, _REACH + 1)
    rows = []
    for phase in range(_PHASES):
        x = taps - phase / _PHASES
        window = np.i0(_KAISER * np.sqrt(np.clip(1.0 - (x / _REACH) ** 2, 0.0, None))) / np.i0(_KAISER)
        row = np.sinc(x) * window
        rows.append(row / row.sum())
    return np.array(rows)


_FILTER: Final = _interpolator()
_GREATEST_GAIN: Final = float(np.abs(_FILTER).sum(axis=1).max())


@njit(cache=True, nogil=True)
def _peaks(whole, start, fir, ceilings, bound, out):  # type: ignore[no-untyped-def]
    """The loudest point from each sample to the next; 0 where none can reach the ceiling."""
    reach = fir.shape[1] // 2
    coarse = np.zeros(whole.shape[1] // _COARSE + 1)
    for i in range(whole.shape[1]):
        k = i // _COARSE
        coarse[k] = max(coarse[k], abs(whole[0, i]), abs(whole[1, i]))
    for i in range(out.shape[0]):
        at = start + i
        loudest = 0.0
        for k in range((at - reach + 1) // _COARSE, (at + reach) // _COARSE + 1):
            loudest = max(loudest, coarse[k])
        peak = 0.0
        if loudest * bound > ceilings[i]:
            peak = max(abs(whole[0, at]), abs(whole[1, at]))
            for phase in range(1, fir.shape[0]):
                left, right = 0.0, 0.0
                for k in range(fir.shape[1]):
                    left += fir[phase, k] * whole[0, at - reach + 1 + k]
                    right += fir[phase, k] * whole[1, at - reach + 1 + k]
                peak = max(peak, abs(left), abs(right))
        out[i] = peak


@njit(cache=True, nogil=True)
def _gains(peaks, ceilings, rises, scalars, queue_at, queue, one, two):  # type: ignore[no-untyped-def]
    """Turn `peaks` into the gain of the sample that lies the look-ahead before each, in place."""
    size, window = queue.shape[0], queue.shape[0] - 1
    before, released, calm, clock = scalars[_PEAK], scalars[_RELEASED], scalars[_CALM], int(scalars[_CLOCK])
    head, tail = int(scalars[_HEAD]), int(scalars[_TAIL])
    sum_one, sum_two = scalars[_SUM_ONE], scalars[_SUM_TWO]
    n_one, n_two = one.shape[0], two.shape[0]
    for i in range(peaks.shape[0]):
        around = max(peaks[i], before)
        before = peaks[i]
        wanted = ceilings[i] / around if around > ceilings[i] else 1.0
        # Sliding minimum by a queue of rising values.
        while tail > head and queue[(tail - 1) % size] >= wanted:
            tail -= 1
        queue[tail % size], queue_at[tail % size] = wanted, clock
        tail += 1
        while queue_at[head % size] <= clock - window:
            head += 1
        least = queue[head % size]
        released = min(least, released + (1.0 - released) * rises[i])
        if released > _NEARLY_ONE and least == 1.0:
            released = 1.0
        calm = calm + 1.0 if released == 1.0 else 0.0
        a, b = clock % n_one, clock % n_two
        sum_one += released - one[a]
        one[a] = released
        if calm >= n_one:
            sum_one = float(n_one)
        middle = sum_one / n_one
        sum_two += middle - two[b]
        two[b] = middle
        if calm >= n_one + n_two:
            sum_two = float(n_two)
        peaks[i] = sum_two / n_two
        clock += 1
    scalars[_PEAK], scalars[_RELEASED], scalars[_CALM], scalars[_CLOCK] = before, released, calm, clock
    scalars[_HEAD], scalars[_TAIL] = head, tail
    scalars[_SUM_ONE], scalars[_SUM_TWO] = sum_one, sum_two


class Limiter(Processor):
    """Holds the true peak of both sides together; `latency` is the look-ahead and half of the interpolator."""

    PARAMETERS = ("gain_db", "ceiling_dbtp", "release_ms")

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        lookahead = round(_LOOKAHEAD_SECONDS * setting.rate_hz)
        # Both averages together are as long as the look-ahead and the sample itself.
        one = lookahead // 2 + 1
        two = lookahead + 2 - one
        self._rate = setting.rate_hz
        self.latency = lookahead + _REACH
        scalars = np.zeros(8)
        scalars[[_RELEASED, _SUM_ONE, _SUM_TWO]] = 1.0, one, two
        self.state = {
            "past": np.zeros((2, self.latency + _REACH)),
            "scalars": scalars,
            "queue": np.ones(lookahead + 2),
            "queue_at": np.zeros(lookahead + 2, np.int64),
            "one": np.ones(one),
            "two": np.ones(two),
        }

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Limit the next block; the level that counts is its own."""
        state, frames = self.state, audio.shape[1]
        if rows[0].any():
            audio *= np.exp(_NEPERS * rows[0])
        whole = np.concatenate((state["past"], audio), axis=1)
        behind = whole.shape[1] - frames
        ceilings = np.exp(_NEPERS * rows[1]) * _MARGIN
        rises = 1.0 - np.exp(-1_000.0 / (rows[2] * self._rate))
        gains = np.empty(frames)
        _peaks(whole, behind - _REACH, _FILTER, ceilings, _GREATEST_GAIN, gains)
        lines = state["queue_at"], state["queue"], state["one"], state["two"]
        _gains(gains, ceilings, rises, state["scalars"], *lines)
        np.multiply(whole[:, behind - self.latency : behind - self.latency + frames], gains, out=audio)
        state["past"] = np.ascontiguousarray(whole[:, frames:])
